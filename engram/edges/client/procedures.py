"""Which procedure of gRPC a request of the client is, and what it is called with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from google.protobuf.message import Message

from engram.edges.client.line import Asked
from engram.model.errors import InvalidRequest
from engram.service.wire.protobuf import message_from
from engram.v1 import engram_pb2 as wire

_HELD: Final = frozenset(("memories", "consolidations", "spaces"))
_WORDS: Final = frozenset(("batch", "recall", "search", "recognize", "forget"))
_ID: Final = "{}"


class Procedure(NamedTuple):
    """One procedure: its name, what it takes and answers, and the field for the id of the path."""

    name: str
    takes: type[Message]
    answers: type[Message]
    id_field: str = "memory_id"

    @property
    def path(self) -> str:
        """How gRPC calls it on the wire."""
        return f"/engram.v1.Engram/{self.name}"


_PROCEDURES: Final = {
    "POST /memories": Procedure("Remember", wire.RememberRequest, wire.RememberResponse),
    "POST /memories/batch": Procedure(
        "RememberMany", wire.RememberManyRequest, wire.RememberManyResponse
    ),
    "GET /memories": Procedure("List", wire.ListRequest, wire.ListResponse),
    "GET /memories/{}": Procedure("Get", wire.GetRequest, wire.Memory),
    "PATCH /memories/{}": Procedure("Update", wire.UpdateRequest, wire.RememberResponse),
    "DELETE /memories/{}": Procedure(
        "Forget", wire.ForgetRequest, wire.ForgetResponse, "memory_ids"
    ),
    "POST /memories/forget": Procedure("Forget", wire.ForgetRequest, wire.ForgetResponse),
    "GET /memories/{}/history": Procedure("History", wire.HistoryRequest, wire.HistoryResponse),
    "GET /memories/{}/lability": Procedure("Lability", wire.LabilityRequest, wire.LabilityResponse),
    "POST /memories/{}/feedback": Procedure(
        "Feedback", wire.FeedbackRequest, wire.FeedbackResponse
    ),
    "POST /memories/{}/unsuppress": Procedure(
        "Unsuppress", wire.UnsuppressRequest, wire.UnsuppressResponse
    ),
    "POST /memories/recall": Procedure("Recall", wire.RecallRequest, wire.RecallResponse),
    "GET /memories/search": Procedure("Search", wire.SearchRequest, wire.RecallResponse),
    "POST /memories/recognize": Procedure(
        "Recognize", wire.RecognizeRequest, wire.RecognizeResponse
    ),
    "POST /complete": Procedure("Complete", wire.CompleteRequest, wire.CompleteResponse),
    "POST /query": Procedure("ExecuteQuery", wire.ExecuteQueryRequest, wire.ExecuteQueryResponse),
    "GET /episodes/replay": Procedure("Replay", wire.ListRequest, wire.ListResponse),
    "GET /labels": Procedure("ListLabels", wire.ListLabelsRequest, wire.ListLabelsResponse),
    "POST /memories/{}/associations": Procedure(
        "Associate", wire.AssociateRequest, wire.AssociateResponse, "source_id"
    ),
    "GET /memories/{}/associations": Procedure(
        "ListAssociations", wire.ListAssociationsRequest, wire.ListAssociationsResponse
    ),
    "DELETE /memories/{}/associations": Procedure(
        "Dissociate", wire.DissociateRequest, wire.DissociateResponse, "source_id"
    ),
    "POST /associations/batch": Procedure(
        "AssociateMany", wire.AssociateManyRequest, wire.AssociateResponse
    ),
    "GET /memories/{}/neighbours": Procedure(
        "Neighbours", wire.NeighboursRequest, wire.NeighboursResponse
    ),
    "POST /spread": Procedure("Spread", wire.SpreadRequest, wire.SpreadResponse),
    "POST /path": Procedure("FindPaths", wire.FindPathsRequest, wire.FindPathsResponse),
    "GET /contradictions": Procedure(
        "ListContradictions", wire.ListContradictionsRequest, wire.ListContradictionsResponse
    ),
    "GET /near-duplicates": Procedure(
        "ListNearDuplicates", wire.ListNearDuplicatesRequest, wire.ListNearDuplicatesResponse
    ),
    "POST /consolidations": Procedure(
        "Consolidate", wire.ConsolidateRequest, wire.ConsolidateResponse
    ),
    "GET /consolidations": Procedure(
        "ListConcepts", wire.ListConceptsRequest, wire.ListConceptsResponse
    ),
    "GET /consolidations/{}": Procedure(
        "BeliefHistory", wire.BeliefHistoryRequest, wire.BeliefHistoryResponse, "concept_id"
    ),
    "GET /settings": Procedure("GetSettings", wire.GetSettingsRequest, wire.SpaceSettings),
    "PATCH /settings": Procedure("Configure", wire.ConfigureRequest, wire.SpaceSettings),
    "GET /spaces": Procedure("ListSpaces", wire.ListSpacesRequest, wire.ListSpacesResponse),
    "POST /spaces": Procedure("CreateSpace", wire.CreateSpaceRequest, wire.CreateSpaceResponse),
    "GET /spaces/{}": Procedure(
        "SpaceStats", wire.SpaceStatsRequest, wire.SpaceStatsResponse, "memory_space_id"
    ),
    "DELETE /spaces/{}": Procedure(
        "DropSpace", wire.DropSpaceRequest, wire.DropSpaceResponse, "memory_space_id"
    ),
    "GET /system/health": Procedure(
        "HealthCheck", wire.HealthCheckRequest, wire.HealthCheckResponse
    ),
    "POST /maintenance/checkpoint": Procedure(
        "Checkpoint", wire.CheckpointRequest, wire.CheckpointResponse
    ),
    "POST /maintenance/compact": Procedure("Compact", wire.CompactRequest, wire.CompactResponse),
    "POST /maintenance/reembed": Procedure("Reembed", wire.ReembedRequest, wire.ReembedResponse),
    "POST /maintenance/verify": Procedure("Verify", wire.VerifyRequest, wire.VerifyResponse),
    "POST /maintenance/wait-linked": Procedure(
        "WaitLinked", wire.WaitLinkedRequest, wire.WaitLinkedResponse
    ),
}


class Called(NamedTuple):
    """A procedure and the message it is called with."""

    procedure: Procedure
    request: Message


def called(asked: Asked, body: Mapping[str, Any] | None) -> Called:
    """Return a request of the client as a call.

    Raises InvalidRequest when a field does not fit, or nothing of gRPC carries such a request.
    """
    first, *rest = asked.path.strip("/").split("/")
    memory_id = None
    if first in _HELD and rest and rest[0] not in _WORDS:
        memory_id, rest[0] = rest[0], _ID
    name = f"{asked.method} /{'/'.join((first, *rest))}"
    procedure = _PROCEDURES.get(name)
    if procedure is None:
        raise InvalidRequest(
            f"{name} is not carried over gRPC; connect to the server's HTTP address for it"
        )
    if isinstance(asked.body, wire.RememberManyRequest):
        request = asked.body
    else:
        request = _request(asked, procedure, {**asked.query, **(body or {})}, memory_id)
    if asked.space is not None:
        request.memory_space_id = asked.space
    if asked.key is not None and "request_key" in procedure.takes.DESCRIPTOR.fields_by_name:
        request.request_key = asked.key
    return Called(procedure, request)


def _request(
    asked: Asked, procedure: Procedure, fields: dict[str, Any], memory_id: str | None
) -> Any:
    """Return the message of a request; its space and key are added later."""
    if memory_id is not None:
        several = procedure.id_field == "memory_ids"
        fields[procedure.id_field] = [memory_id] if several else memory_id
    if procedure.name == "CreateSpace":
        fields = {"memory_space_id": fields["id"]}
    if procedure.name == "Forget" and fields.get("mode") == "erase":
        asked = asked._replace(key=None)
    who = fields.get("who")
    if isinstance(who, str):
        fields["who"] = [who]
    episode = fields.get("episode")
    if isinstance(episode, Mapping) and isinstance(episode.get("who"), str):
        fields["episode"] = {**episode, "who": [episode["who"]]}
    request: Any = message_from(procedure.takes, fields)
    if procedure.name == "Update":
        emptied = [
            _field_of(name)
            for name, value in fields.items()
            if value is None or (isinstance(value, list | tuple) and not value)
        ]
        request.update_mask.paths.extend(emptied)
    return request


def _field_of(name: str) -> str:
    """Return how the proto calls a field of a memory."""
    return f"{name}_json" if name == "metadata" else name
