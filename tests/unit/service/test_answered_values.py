"""The values of answers are filled by position, so their fields go by those of the model."""

from engram.model.memory import Memory
from engram.model.recollection import Recollection
from engram.service.wire.answered import MemoryValue, RecollectionValue


def test_a_memory_has_the_fields_of_the_model_in_their_order() -> None:
    assert MemoryValue.__struct_fields__ == (*Memory.__struct_fields__, "confidence_category")


def test_a_recollection_has_them_with_its_relevance_behind_the_score() -> None:
    fields = list(Recollection.__struct_fields__)
    fields.insert(fields.index("score") + 1, "relevance")
    assert RecollectionValue.__struct_fields__ == tuple(fields)
