import datetime

from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Episode(_message.Message):
    __slots__ = ("what", "where", "who", "why", "how")
    WHAT_FIELD_NUMBER: _ClassVar[int]
    WHERE_FIELD_NUMBER: _ClassVar[int]
    WHO_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    HOW_FIELD_NUMBER: _ClassVar[int]
    what: str
    where: str
    who: _containers.RepeatedScalarFieldContainer[str]
    why: str
    how: str
    def __init__(self, what: _Optional[str] = ..., where: _Optional[str] = ..., who: _Optional[_Iterable[str]] = ..., why: _Optional[str] = ..., how: _Optional[str] = ...) -> None: ...

class Memory(_message.Message):
    __slots__ = ("id", "space", "content", "kind", "confidence", "occurred_at", "recorded_at", "ended_at", "tags", "source", "session", "metadata_json", "seen_count", "stability_days", "difficulty", "retrievability", "access_count", "last_access_at", "suppressed", "confidence_category", "confidence_reason", "entities", "priority", "expires_at", "episode", "fact_key", "fact_value", "supersedes", "superseded_by")
    ID_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    SEEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    STABILITY_DAYS_FIELD_NUMBER: _ClassVar[int]
    DIFFICULTY_FIELD_NUMBER: _ClassVar[int]
    RETRIEVABILITY_FIELD_NUMBER: _ClassVar[int]
    ACCESS_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_ACCESS_AT_FIELD_NUMBER: _ClassVar[int]
    SUPPRESSED_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_CATEGORY_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_REASON_FIELD_NUMBER: _ClassVar[int]
    ENTITIES_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    EPISODE_FIELD_NUMBER: _ClassVar[int]
    FACT_KEY_FIELD_NUMBER: _ClassVar[int]
    FACT_VALUE_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDES_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDED_BY_FIELD_NUMBER: _ClassVar[int]
    id: str
    space: str
    content: str
    kind: str
    confidence: float
    occurred_at: _timestamp_pb2.Timestamp
    recorded_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    tags: _containers.RepeatedScalarFieldContainer[str]
    source: str
    session: str
    metadata_json: str
    seen_count: int
    stability_days: float
    difficulty: float
    retrievability: float
    access_count: int
    last_access_at: _timestamp_pb2.Timestamp
    suppressed: bool
    confidence_category: str
    confidence_reason: str
    entities: _containers.RepeatedScalarFieldContainer[str]
    priority: int
    expires_at: _timestamp_pb2.Timestamp
    episode: Episode
    fact_key: str
    fact_value: str
    supersedes: str
    superseded_by: str
    def __init__(self, id: _Optional[str] = ..., space: _Optional[str] = ..., content: _Optional[str] = ..., kind: _Optional[str] = ..., confidence: _Optional[float] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., recorded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tags: _Optional[_Iterable[str]] = ..., source: _Optional[str] = ..., session: _Optional[str] = ..., metadata_json: _Optional[str] = ..., seen_count: _Optional[int] = ..., stability_days: _Optional[float] = ..., difficulty: _Optional[float] = ..., retrievability: _Optional[float] = ..., access_count: _Optional[int] = ..., last_access_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., suppressed: _Optional[bool] = ..., confidence_category: _Optional[str] = ..., confidence_reason: _Optional[str] = ..., entities: _Optional[_Iterable[str]] = ..., priority: _Optional[int] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., episode: _Optional[_Union[Episode, _Mapping]] = ..., fact_key: _Optional[str] = ..., fact_value: _Optional[str] = ..., supersedes: _Optional[str] = ..., superseded_by: _Optional[str] = ...) -> None: ...

class NewMemory(_message.Message):
    __slots__ = ("content", "embedding", "kind", "confidence", "confidence_level", "occurred_at", "tags", "source", "session", "metadata_json", "associate", "entities", "priority", "expires_at", "episode", "confidence_reason", "fact_key", "fact_value")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_LEVEL_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    ASSOCIATE_FIELD_NUMBER: _ClassVar[int]
    ENTITIES_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    EPISODE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_REASON_FIELD_NUMBER: _ClassVar[int]
    FACT_KEY_FIELD_NUMBER: _ClassVar[int]
    FACT_VALUE_FIELD_NUMBER: _ClassVar[int]
    content: str
    embedding: bytes
    kind: str
    confidence: float
    confidence_level: str
    occurred_at: _timestamp_pb2.Timestamp
    tags: _containers.RepeatedScalarFieldContainer[str]
    source: str
    session: str
    metadata_json: str
    associate: bool
    entities: _containers.RepeatedScalarFieldContainer[str]
    priority: int
    expires_at: _timestamp_pb2.Timestamp
    episode: Episode
    confidence_reason: str
    fact_key: str
    fact_value: str
    def __init__(self, content: _Optional[str] = ..., embedding: _Optional[bytes] = ..., kind: _Optional[str] = ..., confidence: _Optional[float] = ..., confidence_level: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tags: _Optional[_Iterable[str]] = ..., source: _Optional[str] = ..., session: _Optional[str] = ..., metadata_json: _Optional[str] = ..., associate: _Optional[bool] = ..., entities: _Optional[_Iterable[str]] = ..., priority: _Optional[int] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., episode: _Optional[_Union[Episode, _Mapping]] = ..., confidence_reason: _Optional[str] = ..., fact_key: _Optional[str] = ..., fact_value: _Optional[str] = ...) -> None: ...

class RememberRequest(_message.Message):
    __slots__ = ("memory_space_id", "memory", "request_key")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_KEY_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    memory: NewMemory
    request_key: str
    def __init__(self, memory_space_id: _Optional[str] = ..., memory: _Optional[_Union[NewMemory, _Mapping]] = ..., request_key: _Optional[str] = ...) -> None: ...

class RememberResponse(_message.Message):
    __slots__ = ("id", "space", "lsn", "created", "confidence", "links", "near_duplicates")
    ID_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    LSN_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    LINKS_FIELD_NUMBER: _ClassVar[int]
    NEAR_DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    id: str
    space: str
    lsn: int
    created: bool
    confidence: float
    links: int
    near_duplicates: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., space: _Optional[str] = ..., lsn: _Optional[int] = ..., created: _Optional[bool] = ..., confidence: _Optional[float] = ..., links: _Optional[int] = ..., near_duplicates: _Optional[_Iterable[str]] = ...) -> None: ...

class RememberManyRequest(_message.Message):
    __slots__ = ("memory_space_id", "memories", "request_key")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_KEY_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    memories: _containers.RepeatedCompositeFieldContainer[NewMemory]
    request_key: str
    def __init__(self, memory_space_id: _Optional[str] = ..., memories: _Optional[_Iterable[_Union[NewMemory, _Mapping]]] = ..., request_key: _Optional[str] = ...) -> None: ...

class RememberManyResponse(_message.Message):
    __slots__ = ("ids", "space", "lsn", "created_count")
    IDS_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    LSN_FIELD_NUMBER: _ClassVar[int]
    CREATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    space: str
    lsn: int
    created_count: int
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., space: _Optional[str] = ..., lsn: _Optional[int] = ..., created_count: _Optional[int] = ...) -> None: ...

class StoreRequest(_message.Message):
    __slots__ = ("memory_space_id", "episode", "when", "importance", "emotional_valence", "confidence", "confidence_level", "tags", "session", "source", "embedding", "request_key")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    EPISODE_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    IMPORTANCE_FIELD_NUMBER: _ClassVar[int]
    EMOTIONAL_VALENCE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_LEVEL_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    REQUEST_KEY_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    episode: Episode
    when: _timestamp_pb2.Timestamp
    importance: float
    emotional_valence: float
    confidence: float
    confidence_level: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    session: str
    source: str
    embedding: bytes
    request_key: str
    def __init__(self, memory_space_id: _Optional[str] = ..., episode: _Optional[_Union[Episode, _Mapping]] = ..., when: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., importance: _Optional[float] = ..., emotional_valence: _Optional[float] = ..., confidence: _Optional[float] = ..., confidence_level: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., session: _Optional[str] = ..., source: _Optional[str] = ..., embedding: _Optional[bytes] = ..., request_key: _Optional[str] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("memory_space_id", "memory_id", "as_of", "include_suppressed")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    MEMORY_ID_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_SUPPRESSED_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    memory_id: str
    as_of: _timestamp_pb2.Timestamp
    include_suppressed: bool
    def __init__(self, memory_space_id: _Optional[str] = ..., memory_id: _Optional[str] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., include_suppressed: _Optional[bool] = ...) -> None: ...

class Filter(_message.Message):
    __slots__ = ("tags_all", "tags_any", "tags_none", "kinds", "sources", "sessions", "occurred_after", "occurred_before", "recorded_after", "recorded_before", "confidence_min", "as_of", "entities_all", "entities_any", "entities_none", "priority_min", "priority_max", "include_expired", "include_suppressed", "metadata_json")
    TAGS_ALL_FIELD_NUMBER: _ClassVar[int]
    TAGS_ANY_FIELD_NUMBER: _ClassVar[int]
    TAGS_NONE_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AFTER_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AFTER_FIELD_NUMBER: _ClassVar[int]
    RECORDED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_MIN_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    ENTITIES_ALL_FIELD_NUMBER: _ClassVar[int]
    ENTITIES_ANY_FIELD_NUMBER: _ClassVar[int]
    ENTITIES_NONE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_MIN_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_MAX_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_EXPIRED_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_SUPPRESSED_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    tags_all: _containers.RepeatedScalarFieldContainer[str]
    tags_any: _containers.RepeatedScalarFieldContainer[str]
    tags_none: _containers.RepeatedScalarFieldContainer[str]
    kinds: _containers.RepeatedScalarFieldContainer[str]
    sources: _containers.RepeatedScalarFieldContainer[str]
    sessions: _containers.RepeatedScalarFieldContainer[str]
    occurred_after: _timestamp_pb2.Timestamp
    occurred_before: _timestamp_pb2.Timestamp
    recorded_after: _timestamp_pb2.Timestamp
    recorded_before: _timestamp_pb2.Timestamp
    confidence_min: float
    as_of: _timestamp_pb2.Timestamp
    entities_all: _containers.RepeatedScalarFieldContainer[str]
    entities_any: _containers.RepeatedScalarFieldContainer[str]
    entities_none: _containers.RepeatedScalarFieldContainer[str]
    priority_min: int
    priority_max: int
    include_expired: bool
    include_suppressed: bool
    metadata_json: str
    def __init__(self, tags_all: _Optional[_Iterable[str]] = ..., tags_any: _Optional[_Iterable[str]] = ..., tags_none: _Optional[_Iterable[str]] = ..., kinds: _Optional[_Iterable[str]] = ..., sources: _Optional[_Iterable[str]] = ..., sessions: _Optional[_Iterable[str]] = ..., occurred_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., occurred_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., recorded_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., recorded_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., confidence_min: _Optional[float] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., entities_all: _Optional[_Iterable[str]] = ..., entities_any: _Optional[_Iterable[str]] = ..., entities_none: _Optional[_Iterable[str]] = ..., priority_min: _Optional[int] = ..., priority_max: _Optional[int] = ..., include_expired: _Optional[bool] = ..., include_suppressed: _Optional[bool] = ..., metadata_json: _Optional[str] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("memory_space_id", "limit", "cursor", "filter")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    limit: int
    cursor: str
    filter: Filter
    def __init__(self, memory_space_id: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ..., filter: _Optional[_Union[Filter, _Mapping]] = ...) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("memories", "total", "cursor")
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    memories: _containers.RepeatedCompositeFieldContainer[Memory]
    total: int
    cursor: str
    def __init__(self, memories: _Optional[_Iterable[_Union[Memory, _Mapping]]] = ..., total: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class UpdateRequest(_message.Message):
    __slots__ = ("memory_space_id", "memory_id", "changes", "update_mask", "request_key")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    MEMORY_ID_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_KEY_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    memory_id: str
    changes: NewMemory
    update_mask: _field_mask_pb2.FieldMask
    request_key: str
    def __init__(self, memory_space_id: _Optional[str] = ..., memory_id: _Optional[str] = ..., changes: _Optional[_Union[NewMemory, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_key: _Optional[str] = ...) -> None: ...

class HistoryRequest(_message.Message):
    __slots__ = ("memory_space_id", "memory_id")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    MEMORY_ID_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    memory_id: str
    def __init__(self, memory_space_id: _Optional[str] = ..., memory_id: _Optional[str] = ...) -> None: ...

class HistoryResponse(_message.Message):
    __slots__ = ("versions",)
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[Memory]
    def __init__(self, versions: _Optional[_Iterable[_Union[Memory, _Mapping]]] = ...) -> None: ...

class ForgetRequest(_message.Message):
    __slots__ = ("memory_space_id", "memory_ids", "mode", "request_key")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    MEMORY_IDS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_KEY_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    memory_ids: _containers.RepeatedScalarFieldContainer[str]
    mode: str
    request_key: str
    def __init__(self, memory_space_id: _Optional[str] = ..., memory_ids: _Optional[_Iterable[str]] = ..., mode: _Optional[str] = ..., request_key: _Optional[str] = ...) -> None: ...

class ForgetResponse(_message.Message):
    __slots__ = ("ids", "space", "mode", "lsn", "erased_at", "segments_rewritten", "files_overwritten", "bytes_overwritten", "archives")
    IDS_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    LSN_FIELD_NUMBER: _ClassVar[int]
    ERASED_AT_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_REWRITTEN_FIELD_NUMBER: _ClassVar[int]
    FILES_OVERWRITTEN_FIELD_NUMBER: _ClassVar[int]
    BYTES_OVERWRITTEN_FIELD_NUMBER: _ClassVar[int]
    ARCHIVES_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    space: str
    mode: str
    lsn: int
    erased_at: _timestamp_pb2.Timestamp
    segments_rewritten: int
    files_overwritten: int
    bytes_overwritten: int
    archives: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., space: _Optional[str] = ..., mode: _Optional[str] = ..., lsn: _Optional[int] = ..., erased_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., segments_rewritten: _Optional[int] = ..., files_overwritten: _Optional[int] = ..., bytes_overwritten: _Optional[int] = ..., archives: _Optional[_Iterable[str]] = ...) -> None: ...

class UnsuppressRequest(_message.Message):
    __slots__ = ("memory_space_id", "memory_id", "request_key")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    MEMORY_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_KEY_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    memory_id: str
    request_key: str
    def __init__(self, memory_space_id: _Optional[str] = ..., memory_id: _Optional[str] = ..., request_key: _Optional[str] = ...) -> None: ...

class UnsuppressResponse(_message.Message):
    __slots__ = ("ids", "space", "lsn")
    IDS_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    LSN_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    space: str
    lsn: int
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., space: _Optional[str] = ..., lsn: _Optional[int] = ...) -> None: ...

class FeedbackRequest(_message.Message):
    __slots__ = ("memory_space_id", "memory_id", "verdict", "request_key")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    MEMORY_ID_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_KEY_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    memory_id: str
    verdict: str
    request_key: str
    def __init__(self, memory_space_id: _Optional[str] = ..., memory_id: _Optional[str] = ..., verdict: _Optional[str] = ..., request_key: _Optional[str] = ...) -> None: ...

class FeedbackResponse(_message.Message):
    __slots__ = ("id", "lsn", "counted", "stability_days", "difficulty")
    ID_FIELD_NUMBER: _ClassVar[int]
    LSN_FIELD_NUMBER: _ClassVar[int]
    COUNTED_FIELD_NUMBER: _ClassVar[int]
    STABILITY_DAYS_FIELD_NUMBER: _ClassVar[int]
    DIFFICULTY_FIELD_NUMBER: _ClassVar[int]
    id: str
    lsn: int
    counted: bool
    stability_days: float
    difficulty: float
    def __init__(self, id: _Optional[str] = ..., lsn: _Optional[int] = ..., counted: _Optional[bool] = ..., stability_days: _Optional[float] = ..., difficulty: _Optional[float] = ...) -> None: ...

class LabilityRequest(_message.Message):
    __slots__ = ("memory_space_id", "memory_id")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    MEMORY_ID_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    memory_id: str
    def __init__(self, memory_space_id: _Optional[str] = ..., memory_id: _Optional[str] = ...) -> None: ...

class LabilityResponse(_message.Message):
    __slots__ = ("plasticity", "opens_at", "closes_at")
    PLASTICITY_FIELD_NUMBER: _ClassVar[int]
    OPENS_AT_FIELD_NUMBER: _ClassVar[int]
    CLOSES_AT_FIELD_NUMBER: _ClassVar[int]
    plasticity: float
    opens_at: _timestamp_pb2.Timestamp
    closes_at: _timestamp_pb2.Timestamp
    def __init__(self, plasticity: _Optional[float] = ..., opens_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., closes_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RecallRequest(_message.Message):
    __slots__ = ("memory_space_id", "query", "embedding", "memory_ids", "limit", "explain", "mode", "reinforce", "session", "filter")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    MEMORY_IDS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    REINFORCE_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    query: str
    embedding: bytes
    memory_ids: _containers.RepeatedScalarFieldContainer[str]
    limit: int
    explain: bool
    mode: str
    reinforce: bool
    session: str
    filter: Filter
    def __init__(self, memory_space_id: _Optional[str] = ..., query: _Optional[str] = ..., embedding: _Optional[bytes] = ..., memory_ids: _Optional[_Iterable[str]] = ..., limit: _Optional[int] = ..., explain: _Optional[bool] = ..., mode: _Optional[str] = ..., reinforce: _Optional[bool] = ..., session: _Optional[str] = ..., filter: _Optional[_Union[Filter, _Mapping]] = ...) -> None: ...

class Interval(_message.Message):
    __slots__ = ("low", "high")
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    low: float
    high: float
    def __init__(self, low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("memory_id", "label", "kind", "weight")
    MEMORY_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    memory_id: str
    label: str
    kind: str
    weight: float
    def __init__(self, memory_id: _Optional[str] = ..., label: _Optional[str] = ..., kind: _Optional[str] = ..., weight: _Optional[float] = ...) -> None: ...

class Way(_message.Message):
    __slots__ = ("steps",)
    STEPS_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    def __init__(self, steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ...) -> None: ...

class ScorePart(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: float
    def __init__(self, name: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...

class Recollection(_message.Message):
    __slots__ = ("memory", "score", "relevance", "parts", "group", "confidence", "confidence_interval", "path", "cites", "explanation", "matched_terms", "paths", "meaning", "words", "lead", "rank")
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    RELEVANCE_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    CITES_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    MATCHED_TERMS_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    MEANING_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    LEAD_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    memory: Memory
    score: float
    relevance: float
    parts: _containers.RepeatedCompositeFieldContainer[ScorePart]
    group: str
    confidence: float
    confidence_interval: Interval
    path: _containers.RepeatedCompositeFieldContainer[Step]
    cites: _containers.RepeatedScalarFieldContainer[str]
    explanation: str
    matched_terms: _containers.RepeatedScalarFieldContainer[str]
    paths: _containers.RepeatedCompositeFieldContainer[Way]
    meaning: float
    words: float
    lead: float
    rank: int
    def __init__(self, memory: _Optional[_Union[Memory, _Mapping]] = ..., score: _Optional[float] = ..., relevance: _Optional[float] = ..., parts: _Optional[_Iterable[_Union[ScorePart, _Mapping]]] = ..., group: _Optional[str] = ..., confidence: _Optional[float] = ..., confidence_interval: _Optional[_Union[Interval, _Mapping]] = ..., path: _Optional[_Iterable[_Union[Step, _Mapping]]] = ..., cites: _Optional[_Iterable[str]] = ..., explanation: _Optional[str] = ..., matched_terms: _Optional[_Iterable[str]] = ..., paths: _Optional[_Iterable[_Union[Way, _Mapping]]] = ..., meaning: _Optional[float] = ..., words: _Optional[float] = ..., lead: _Optional[float] = ..., rank: _Optional[int] = ...) -> None: ...

class QueryAnalysis(_message.Message):
    __slots__ = ("mode", "has_vector", "words_known", "words_unknown", "unrelated", "seeds", "reached", "edges", "is_partial")
    MODE_FIELD_NUMBER: _ClassVar[int]
    HAS_VECTOR_FIELD_NUMBER: _ClassVar[int]
    WORDS_KNOWN_FIELD_NUMBER: _ClassVar[int]
    WORDS_UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    UNRELATED_FIELD_NUMBER: _ClassVar[int]
    SEEDS_FIELD_NUMBER: _ClassVar[int]
    REACHED_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    IS_PARTIAL_FIELD_NUMBER: _ClassVar[int]
    mode: str
    has_vector: bool
    words_known: int
    words_unknown: int
    unrelated: float
    seeds: int
    reached: int
    edges: int
    is_partial: bool
    def __init__(self, mode: _Optional[str] = ..., has_vector: _Optional[bool] = ..., words_known: _Optional[int] = ..., words_unknown: _Optional[int] = ..., unrelated: _Optional[float] = ..., seeds: _Optional[int] = ..., reached: _Optional[int] = ..., edges: _Optional[int] = ..., is_partial: _Optional[bool] = ...) -> None: ...

class RecallResponse(_message.Message):
    __slots__ = ("recollections", "space", "candidates", "searched", "lsn", "note", "recall_confidence", "recall_confidence_interval", "query_analysis", "timings_us")
    class TimingsUsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    RECOLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    SEARCHED_FIELD_NUMBER: _ClassVar[int]
    LSN_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    RECALL_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    RECALL_CONFIDENCE_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    QUERY_ANALYSIS_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_US_FIELD_NUMBER: _ClassVar[int]
    recollections: _containers.RepeatedCompositeFieldContainer[Recollection]
    space: str
    candidates: int
    searched: int
    lsn: int
    note: str
    recall_confidence: float
    recall_confidence_interval: Interval
    query_analysis: QueryAnalysis
    timings_us: _containers.ScalarMap[str, float]
    def __init__(self, recollections: _Optional[_Iterable[_Union[Recollection, _Mapping]]] = ..., space: _Optional[str] = ..., candidates: _Optional[int] = ..., searched: _Optional[int] = ..., lsn: _Optional[int] = ..., note: _Optional[str] = ..., recall_confidence: _Optional[float] = ..., recall_confidence_interval: _Optional[_Union[Interval, _Mapping]] = ..., query_analysis: _Optional[_Union[QueryAnalysis, _Mapping]] = ..., timings_us: _Optional[_Mapping[str, float]] = ...) -> None: ...

class SearchRequest(_message.Message):
    __slots__ = ("memory_space_id", "query", "limit", "explain", "filter")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    query: str
    limit: int
    explain: bool
    filter: Filter
    def __init__(self, memory_space_id: _Optional[str] = ..., query: _Optional[str] = ..., limit: _Optional[int] = ..., explain: _Optional[bool] = ..., filter: _Optional[_Union[Filter, _Mapping]] = ...) -> None: ...

class RecognizeRequest(_message.Message):
    __slots__ = ("memory_space_id", "query", "embedding", "limit", "filter")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    query: str
    embedding: bytes
    limit: int
    filter: Filter
    def __init__(self, memory_space_id: _Optional[str] = ..., query: _Optional[str] = ..., embedding: _Optional[bytes] = ..., limit: _Optional[int] = ..., filter: _Optional[_Union[Filter, _Mapping]] = ...) -> None: ...

class RecognizeResponse(_message.Message):
    __slots__ = ("familiarity", "familiarity_interval", "identical", "nearest", "note")
    FAMILIARITY_FIELD_NUMBER: _ClassVar[int]
    FAMILIARITY_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    IDENTICAL_FIELD_NUMBER: _ClassVar[int]
    NEAREST_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    familiarity: float
    familiarity_interval: Interval
    identical: str
    nearest: _containers.RepeatedCompositeFieldContainer[Recollection]
    note: str
    def __init__(self, familiarity: _Optional[float] = ..., familiarity_interval: _Optional[_Union[Interval, _Mapping]] = ..., identical: _Optional[str] = ..., nearest: _Optional[_Iterable[_Union[Recollection, _Mapping]]] = ..., note: _Optional[str] = ...) -> None: ...

class CompleteRequest(_message.Message):
    __slots__ = ("memory_space_id", "episode", "embedding", "limit")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    EPISODE_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    episode: Episode
    embedding: bytes
    limit: int
    def __init__(self, memory_space_id: _Optional[str] = ..., episode: _Optional[_Union[Episode, _Mapping]] = ..., embedding: _Optional[bytes] = ..., limit: _Optional[int] = ...) -> None: ...

class CompletedField(_message.Message):
    __slots__ = ("text", "texts", "source", "confidence", "evidence")
    class Texts(_message.Message):
        __slots__ = ("texts",)
        TEXTS_FIELD_NUMBER: _ClassVar[int]
        texts: _containers.RepeatedScalarFieldContainer[str]
        def __init__(self, texts: _Optional[_Iterable[str]] = ...) -> None: ...
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    text: str
    texts: CompletedField.Texts
    source: str
    confidence: float
    evidence: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, text: _Optional[str] = ..., texts: _Optional[_Union[CompletedField.Texts, _Mapping]] = ..., source: _Optional[str] = ..., confidence: _Optional[float] = ..., evidence: _Optional[_Iterable[str]] = ...) -> None: ...

class Hypothesis(_message.Message):
    __slots__ = ("fields", "confidence")
    class FieldsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: CompletedField
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[CompletedField, _Mapping]] = ...) -> None: ...
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    fields: _containers.MessageMap[str, CompletedField]
    confidence: float
    def __init__(self, fields: _Optional[_Mapping[str, CompletedField]] = ..., confidence: _Optional[float] = ...) -> None: ...

class CompleteResponse(_message.Message):
    __slots__ = ("hypotheses", "note")
    HYPOTHESES_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    hypotheses: _containers.RepeatedCompositeFieldContainer[Hypothesis]
    note: str
    def __init__(self, hypotheses: _Optional[_Iterable[_Union[Hypothesis, _Mapping]]] = ..., note: _Optional[str] = ...) -> None: ...

class AssociateRequest(_message.Message):
    __slots__ = ("memory_space_id", "source_id", "target_id", "kind", "weight", "confidence", "why", "both_ways")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    BOTH_WAYS_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    source_id: str
    target_id: str
    kind: str
    weight: float
    confidence: float
    why: str
    both_ways: bool
    def __init__(self, memory_space_id: _Optional[str] = ..., source_id: _Optional[str] = ..., target_id: _Optional[str] = ..., kind: _Optional[str] = ..., weight: _Optional[float] = ..., confidence: _Optional[float] = ..., why: _Optional[str] = ..., both_ways: _Optional[bool] = ...) -> None: ...

class NewAssociation(_message.Message):
    __slots__ = ("source_id", "target_id", "kind", "weight", "confidence", "why")
    SOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    source_id: str
    target_id: str
    kind: str
    weight: float
    confidence: float
    why: str
    def __init__(self, source_id: _Optional[str] = ..., target_id: _Optional[str] = ..., kind: _Optional[str] = ..., weight: _Optional[float] = ..., confidence: _Optional[float] = ..., why: _Optional[str] = ...) -> None: ...

class AssociateManyRequest(_message.Message):
    __slots__ = ("memory_space_id", "associations")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    ASSOCIATIONS_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    associations: _containers.RepeatedCompositeFieldContainer[NewAssociation]
    def __init__(self, memory_space_id: _Optional[str] = ..., associations: _Optional[_Iterable[_Union[NewAssociation, _Mapping]]] = ...) -> None: ...

class AssociateResponse(_message.Message):
    __slots__ = ("created", "changed", "lsn")
    CREATED_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    LSN_FIELD_NUMBER: _ClassVar[int]
    created: int
    changed: int
    lsn: int
    def __init__(self, created: _Optional[int] = ..., changed: _Optional[int] = ..., lsn: _Optional[int] = ...) -> None: ...

class DissociateRequest(_message.Message):
    __slots__ = ("memory_space_id", "source_id", "target_id", "kind")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    source_id: str
    target_id: str
    kind: str
    def __init__(self, memory_space_id: _Optional[str] = ..., source_id: _Optional[str] = ..., target_id: _Optional[str] = ..., kind: _Optional[str] = ...) -> None: ...

class DissociateResponse(_message.Message):
    __slots__ = ("ended",)
    ENDED_FIELD_NUMBER: _ClassVar[int]
    ended: int
    def __init__(self, ended: _Optional[int] = ...) -> None: ...

class Association(_message.Message):
    __slots__ = ("source_id", "source_label", "target_id", "target_label", "kind", "weight", "confidence", "why", "made_at", "automatic")
    SOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_LABEL_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_LABEL_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    MADE_AT_FIELD_NUMBER: _ClassVar[int]
    AUTOMATIC_FIELD_NUMBER: _ClassVar[int]
    source_id: str
    source_label: str
    target_id: str
    target_label: str
    kind: str
    weight: float
    confidence: float
    why: str
    made_at: _timestamp_pb2.Timestamp
    automatic: bool
    def __init__(self, source_id: _Optional[str] = ..., source_label: _Optional[str] = ..., target_id: _Optional[str] = ..., target_label: _Optional[str] = ..., kind: _Optional[str] = ..., weight: _Optional[float] = ..., confidence: _Optional[float] = ..., why: _Optional[str] = ..., made_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., automatic: _Optional[bool] = ...) -> None: ...

class ListAssociationsRequest(_message.Message):
    __slots__ = ("memory_space_id", "memory_id", "direction", "kinds", "limit")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    MEMORY_ID_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    memory_id: str
    direction: str
    kinds: _containers.RepeatedScalarFieldContainer[str]
    limit: int
    def __init__(self, memory_space_id: _Optional[str] = ..., memory_id: _Optional[str] = ..., direction: _Optional[str] = ..., kinds: _Optional[_Iterable[str]] = ..., limit: _Optional[int] = ...) -> None: ...

class ListAssociationsResponse(_message.Message):
    __slots__ = ("associations",)
    ASSOCIATIONS_FIELD_NUMBER: _ClassVar[int]
    associations: _containers.RepeatedCompositeFieldContainer[Association]
    def __init__(self, associations: _Optional[_Iterable[_Union[Association, _Mapping]]] = ...) -> None: ...

class NeighboursRequest(_message.Message):
    __slots__ = ("memory_space_id", "memory_id", "hops", "kinds", "limit")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    MEMORY_ID_FIELD_NUMBER: _ClassVar[int]
    HOPS_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    memory_id: str
    hops: int
    kinds: _containers.RepeatedScalarFieldContainer[str]
    limit: int
    def __init__(self, memory_space_id: _Optional[str] = ..., memory_id: _Optional[str] = ..., hops: _Optional[int] = ..., kinds: _Optional[_Iterable[str]] = ..., limit: _Optional[int] = ...) -> None: ...

class Neighbour(_message.Message):
    __slots__ = ("memory", "hops", "strength")
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    HOPS_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    memory: Memory
    hops: int
    strength: float
    def __init__(self, memory: _Optional[_Union[Memory, _Mapping]] = ..., hops: _Optional[int] = ..., strength: _Optional[float] = ...) -> None: ...

class NeighboursResponse(_message.Message):
    __slots__ = ("neighbours",)
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    neighbours: _containers.RepeatedCompositeFieldContainer[Neighbour]
    def __init__(self, neighbours: _Optional[_Iterable[_Union[Neighbour, _Mapping]]] = ...) -> None: ...

class SpreadRequest(_message.Message):
    __slots__ = ("memory_space_id", "memory_ids", "hops", "limit", "decay", "threshold", "fan_exponent", "kinds", "edge_budget")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    MEMORY_IDS_FIELD_NUMBER: _ClassVar[int]
    HOPS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    DECAY_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    FAN_EXPONENT_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    EDGE_BUDGET_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    memory_ids: _containers.RepeatedScalarFieldContainer[str]
    hops: int
    limit: int
    decay: float
    threshold: float
    fan_exponent: float
    kinds: _containers.RepeatedScalarFieldContainer[str]
    edge_budget: int
    def __init__(self, memory_space_id: _Optional[str] = ..., memory_ids: _Optional[_Iterable[str]] = ..., hops: _Optional[int] = ..., limit: _Optional[int] = ..., decay: _Optional[float] = ..., threshold: _Optional[float] = ..., fan_exponent: _Optional[float] = ..., kinds: _Optional[_Iterable[str]] = ..., edge_budget: _Optional[int] = ...) -> None: ...

class Activation(_message.Message):
    __slots__ = ("memory_id", "label", "activation", "hops")
    MEMORY_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    HOPS_FIELD_NUMBER: _ClassVar[int]
    memory_id: str
    label: str
    activation: float
    hops: int
    def __init__(self, memory_id: _Optional[str] = ..., label: _Optional[str] = ..., activation: _Optional[float] = ..., hops: _Optional[int] = ...) -> None: ...

class SpreadResponse(_message.Message):
    __slots__ = ("activations", "reached_count", "edges_count", "is_partial")
    ACTIVATIONS_FIELD_NUMBER: _ClassVar[int]
    REACHED_COUNT_FIELD_NUMBER: _ClassVar[int]
    EDGES_COUNT_FIELD_NUMBER: _ClassVar[int]
    IS_PARTIAL_FIELD_NUMBER: _ClassVar[int]
    activations: _containers.RepeatedCompositeFieldContainer[Activation]
    reached_count: int
    edges_count: int
    is_partial: bool
    def __init__(self, activations: _Optional[_Iterable[_Union[Activation, _Mapping]]] = ..., reached_count: _Optional[int] = ..., edges_count: _Optional[int] = ..., is_partial: _Optional[bool] = ...) -> None: ...

class FindPathsRequest(_message.Message):
    __slots__ = ("memory_space_id", "source_id", "target_id", "how", "k", "kinds", "hops_max")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    HOW_FIELD_NUMBER: _ClassVar[int]
    K_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    HOPS_MAX_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    source_id: str
    target_id: str
    how: str
    k: int
    kinds: _containers.RepeatedScalarFieldContainer[str]
    hops_max: int
    def __init__(self, memory_space_id: _Optional[str] = ..., source_id: _Optional[str] = ..., target_id: _Optional[str] = ..., how: _Optional[str] = ..., k: _Optional[int] = ..., kinds: _Optional[_Iterable[str]] = ..., hops_max: _Optional[int] = ...) -> None: ...

class AssociationPath(_message.Message):
    __slots__ = ("steps", "strength", "hops")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    HOPS_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[Association]
    strength: float
    hops: int
    def __init__(self, steps: _Optional[_Iterable[_Union[Association, _Mapping]]] = ..., strength: _Optional[float] = ..., hops: _Optional[int] = ...) -> None: ...

class FindPathsResponse(_message.Message):
    __slots__ = ("paths",)
    PATHS_FIELD_NUMBER: _ClassVar[int]
    paths: _containers.RepeatedCompositeFieldContainer[AssociationPath]
    def __init__(self, paths: _Optional[_Iterable[_Union[AssociationPath, _Mapping]]] = ...) -> None: ...

class ExecuteQueryRequest(_message.Message):
    __slots__ = ("memory_space_id", "statement", "parameters_json", "budget_ms", "explain")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_JSON_FIELD_NUMBER: _ClassVar[int]
    BUDGET_MS_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    statement: str
    parameters_json: str
    budget_ms: float
    explain: bool
    def __init__(self, memory_space_id: _Optional[str] = ..., statement: _Optional[str] = ..., parameters_json: _Optional[str] = ..., budget_ms: _Optional[float] = ..., explain: _Optional[bool] = ...) -> None: ...

class AnswerRow(_message.Message):
    __slots__ = ("fields_json", "confidence", "confidence_interval", "evidence", "memory")
    FIELDS_JSON_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    fields_json: str
    confidence: float
    confidence_interval: Interval
    evidence: _containers.RepeatedScalarFieldContainer[str]
    memory: Memory
    def __init__(self, fields_json: _Optional[str] = ..., confidence: _Optional[float] = ..., confidence_interval: _Optional[_Union[Interval, _Mapping]] = ..., evidence: _Optional[_Iterable[str]] = ..., memory: _Optional[_Union[Memory, _Mapping]] = ...) -> None: ...

class PlanStep(_message.Message):
    __slots__ = ("name", "detail", "rows", "cost_us", "measured_rows", "measured_us")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COST_US_FIELD_NUMBER: _ClassVar[int]
    MEASURED_ROWS_FIELD_NUMBER: _ClassVar[int]
    MEASURED_US_FIELD_NUMBER: _ClassVar[int]
    name: str
    detail: str
    rows: int
    cost_us: float
    measured_rows: int
    measured_us: float
    def __init__(self, name: _Optional[str] = ..., detail: _Optional[str] = ..., rows: _Optional[int] = ..., cost_us: _Optional[float] = ..., measured_rows: _Optional[int] = ..., measured_us: _Optional[float] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("cost_us", "steps")
    COST_US_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    cost_us: float
    steps: _containers.RepeatedCompositeFieldContainer[PlanStep]
    def __init__(self, cost_us: _Optional[float] = ..., steps: _Optional[_Iterable[_Union[PlanStep, _Mapping]]] = ...) -> None: ...

class ExecuteQueryResponse(_message.Message):
    __slots__ = ("statement", "space", "columns", "rows", "confidence", "confidence_interval", "evidence", "note", "plan", "timings_us")
    class TimingsUsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_US_FIELD_NUMBER: _ClassVar[int]
    statement: str
    space: str
    columns: _containers.RepeatedScalarFieldContainer[str]
    rows: _containers.RepeatedCompositeFieldContainer[AnswerRow]
    confidence: float
    confidence_interval: Interval
    evidence: _containers.RepeatedScalarFieldContainer[str]
    note: str
    plan: Plan
    timings_us: _containers.ScalarMap[str, float]
    def __init__(self, statement: _Optional[str] = ..., space: _Optional[str] = ..., columns: _Optional[_Iterable[str]] = ..., rows: _Optional[_Iterable[_Union[AnswerRow, _Mapping]]] = ..., confidence: _Optional[float] = ..., confidence_interval: _Optional[_Union[Interval, _Mapping]] = ..., evidence: _Optional[_Iterable[str]] = ..., note: _Optional[str] = ..., plan: _Optional[_Union[Plan, _Mapping]] = ..., timings_us: _Optional[_Mapping[str, float]] = ...) -> None: ...

class ConsolidateRequest(_message.Message):
    __slots__ = ("memory_space_id", "episodes_max")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    EPISODES_MAX_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    episodes_max: int
    def __init__(self, memory_space_id: _Optional[str] = ..., episodes_max: _Optional[int] = ...) -> None: ...

class ConsolidateResponse(_message.Message):
    __slots__ = ("episodes", "formed", "grown", "concepts")
    EPISODES_FIELD_NUMBER: _ClassVar[int]
    FORMED_FIELD_NUMBER: _ClassVar[int]
    GROWN_FIELD_NUMBER: _ClassVar[int]
    CONCEPTS_FIELD_NUMBER: _ClassVar[int]
    episodes: int
    formed: int
    grown: int
    concepts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, episodes: _Optional[int] = ..., formed: _Optional[int] = ..., grown: _Optional[int] = ..., concepts: _Optional[_Iterable[str]] = ...) -> None: ...

class ListConceptsRequest(_message.Message):
    __slots__ = ("memory_space_id", "limit")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    limit: int
    def __init__(self, memory_space_id: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class Concept(_message.Message):
    __slots__ = ("memory", "coherence", "terms", "episodes", "name")
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    COHERENCE_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    EPISODES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    memory: Memory
    coherence: float
    terms: _containers.RepeatedScalarFieldContainer[str]
    episodes: _containers.RepeatedScalarFieldContainer[str]
    name: str
    def __init__(self, memory: _Optional[_Union[Memory, _Mapping]] = ..., coherence: _Optional[float] = ..., terms: _Optional[_Iterable[str]] = ..., episodes: _Optional[_Iterable[str]] = ..., name: _Optional[str] = ...) -> None: ...

class ListConceptsResponse(_message.Message):
    __slots__ = ("concepts",)
    CONCEPTS_FIELD_NUMBER: _ClassVar[int]
    concepts: _containers.RepeatedCompositeFieldContainer[Concept]
    def __init__(self, concepts: _Optional[_Iterable[_Union[Concept, _Mapping]]] = ...) -> None: ...

class BeliefHistoryRequest(_message.Message):
    __slots__ = ("memory_space_id", "concept_id")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    CONCEPT_ID_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    concept_id: str
    def __init__(self, memory_space_id: _Optional[str] = ..., concept_id: _Optional[str] = ...) -> None: ...

class Belief(_message.Message):
    __slots__ = ("memory", "held_from", "held_until", "coherence", "terms", "episodes", "name")
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    HELD_FROM_FIELD_NUMBER: _ClassVar[int]
    HELD_UNTIL_FIELD_NUMBER: _ClassVar[int]
    COHERENCE_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    EPISODES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    memory: Memory
    held_from: _timestamp_pb2.Timestamp
    held_until: _timestamp_pb2.Timestamp
    coherence: float
    terms: _containers.RepeatedScalarFieldContainer[str]
    episodes: _containers.RepeatedScalarFieldContainer[str]
    name: str
    def __init__(self, memory: _Optional[_Union[Memory, _Mapping]] = ..., held_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., held_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., coherence: _Optional[float] = ..., terms: _Optional[_Iterable[str]] = ..., episodes: _Optional[_Iterable[str]] = ..., name: _Optional[str] = ...) -> None: ...

class BeliefHistoryResponse(_message.Message):
    __slots__ = ("versions",)
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[Belief]
    def __init__(self, versions: _Optional[_Iterable[_Union[Belief, _Mapping]]] = ...) -> None: ...

class ListLabelsRequest(_message.Message):
    __slots__ = ("memory_space_id", "field", "prefix", "limit")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    field: str
    prefix: str
    limit: int
    def __init__(self, memory_space_id: _Optional[str] = ..., field: _Optional[str] = ..., prefix: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class Label(_message.Message):
    __slots__ = ("label", "memories")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    label: str
    memories: int
    def __init__(self, label: _Optional[str] = ..., memories: _Optional[int] = ...) -> None: ...

class ListLabelsResponse(_message.Message):
    __slots__ = ("labels",)
    LABELS_FIELD_NUMBER: _ClassVar[int]
    labels: _containers.RepeatedCompositeFieldContainer[Label]
    def __init__(self, labels: _Optional[_Iterable[_Union[Label, _Mapping]]] = ...) -> None: ...

class ListContradictionsRequest(_message.Message):
    __slots__ = ("memory_space_id", "memory_id", "limit")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    MEMORY_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    memory_id: str
    limit: int
    def __init__(self, memory_space_id: _Optional[str] = ..., memory_id: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class Claim(_message.Message):
    __slots__ = ("value", "denied", "memory")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    DENIED_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    value: str
    denied: bool
    memory: Memory
    def __init__(self, value: _Optional[str] = ..., denied: _Optional[bool] = ..., memory: _Optional[_Union[Memory, _Mapping]] = ...) -> None: ...

class Contradiction(_message.Message):
    __slots__ = ("subject", "relation", "claims", "claims_count")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    RELATION_FIELD_NUMBER: _ClassVar[int]
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    CLAIMS_COUNT_FIELD_NUMBER: _ClassVar[int]
    subject: str
    relation: str
    claims: _containers.RepeatedCompositeFieldContainer[Claim]
    claims_count: int
    def __init__(self, subject: _Optional[str] = ..., relation: _Optional[str] = ..., claims: _Optional[_Iterable[_Union[Claim, _Mapping]]] = ..., claims_count: _Optional[int] = ...) -> None: ...

class ListContradictionsResponse(_message.Message):
    __slots__ = ("contradictions",)
    CONTRADICTIONS_FIELD_NUMBER: _ClassVar[int]
    contradictions: _containers.RepeatedCompositeFieldContainer[Contradiction]
    def __init__(self, contradictions: _Optional[_Iterable[_Union[Contradiction, _Mapping]]] = ...) -> None: ...

class ListNearDuplicatesRequest(_message.Message):
    __slots__ = ("memory_space_id", "limit")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    limit: int
    def __init__(self, memory_space_id: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class NearDuplicate(_message.Message):
    __slots__ = ("memory", "other", "similarity")
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    OTHER_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    memory: Memory
    other: Memory
    similarity: float
    def __init__(self, memory: _Optional[_Union[Memory, _Mapping]] = ..., other: _Optional[_Union[Memory, _Mapping]] = ..., similarity: _Optional[float] = ...) -> None: ...

class ListNearDuplicatesResponse(_message.Message):
    __slots__ = ("pairs",)
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    pairs: _containers.RepeatedCompositeFieldContainer[NearDuplicate]
    def __init__(self, pairs: _Optional[_Iterable[_Union[NearDuplicate, _Mapping]]] = ...) -> None: ...

class GetSettingsRequest(_message.Message):
    __slots__ = ("memory_space_id",)
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    def __init__(self, memory_space_id: _Optional[str] = ...) -> None: ...

class ConfigureRequest(_message.Message):
    __slots__ = ("memory_space_id", "forgetting", "weights", "beta", "fast_hours", "slow_hours", "fast_share", "interference", "priming", "request_key")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    FORGETTING_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    BETA_FIELD_NUMBER: _ClassVar[int]
    FAST_HOURS_FIELD_NUMBER: _ClassVar[int]
    SLOW_HOURS_FIELD_NUMBER: _ClassVar[int]
    FAST_SHARE_FIELD_NUMBER: _ClassVar[int]
    INTERFERENCE_FIELD_NUMBER: _ClassVar[int]
    PRIMING_FIELD_NUMBER: _ClassVar[int]
    REQUEST_KEY_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    forgetting: str
    weights: _containers.RepeatedScalarFieldContainer[float]
    beta: float
    fast_hours: float
    slow_hours: float
    fast_share: float
    interference: bool
    priming: bool
    request_key: str
    def __init__(self, memory_space_id: _Optional[str] = ..., forgetting: _Optional[str] = ..., weights: _Optional[_Iterable[float]] = ..., beta: _Optional[float] = ..., fast_hours: _Optional[float] = ..., slow_hours: _Optional[float] = ..., fast_share: _Optional[float] = ..., interference: _Optional[bool] = ..., priming: _Optional[bool] = ..., request_key: _Optional[str] = ...) -> None: ...

class SpaceSettings(_message.Message):
    __slots__ = ("forgetting", "weights", "beta", "fast_hours", "slow_hours", "fast_share", "interference", "priming")
    FORGETTING_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    BETA_FIELD_NUMBER: _ClassVar[int]
    FAST_HOURS_FIELD_NUMBER: _ClassVar[int]
    SLOW_HOURS_FIELD_NUMBER: _ClassVar[int]
    FAST_SHARE_FIELD_NUMBER: _ClassVar[int]
    INTERFERENCE_FIELD_NUMBER: _ClassVar[int]
    PRIMING_FIELD_NUMBER: _ClassVar[int]
    forgetting: str
    weights: _containers.RepeatedScalarFieldContainer[float]
    beta: float
    fast_hours: float
    slow_hours: float
    fast_share: float
    interference: bool
    priming: bool
    def __init__(self, forgetting: _Optional[str] = ..., weights: _Optional[_Iterable[float]] = ..., beta: _Optional[float] = ..., fast_hours: _Optional[float] = ..., slow_hours: _Optional[float] = ..., fast_share: _Optional[float] = ..., interference: _Optional[bool] = ..., priming: _Optional[bool] = ...) -> None: ...

class ListSpacesRequest(_message.Message):
    __slots__ = ("memory_space_id",)
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    def __init__(self, memory_space_id: _Optional[str] = ...) -> None: ...

class SpaceInfo(_message.Message):
    __slots__ = ("id", "phase", "memories", "reason", "concepts")
    ID_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONCEPTS_FIELD_NUMBER: _ClassVar[int]
    id: str
    phase: str
    memories: int
    reason: str
    concepts: int
    def __init__(self, id: _Optional[str] = ..., phase: _Optional[str] = ..., memories: _Optional[int] = ..., reason: _Optional[str] = ..., concepts: _Optional[int] = ...) -> None: ...

class ListSpacesResponse(_message.Message):
    __slots__ = ("spaces",)
    SPACES_FIELD_NUMBER: _ClassVar[int]
    spaces: _containers.RepeatedCompositeFieldContainer[SpaceInfo]
    def __init__(self, spaces: _Optional[_Iterable[_Union[SpaceInfo, _Mapping]]] = ...) -> None: ...

class CreateSpaceRequest(_message.Message):
    __slots__ = ("memory_space_id",)
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    def __init__(self, memory_space_id: _Optional[str] = ...) -> None: ...

class CreateSpaceResponse(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class DropSpaceRequest(_message.Message):
    __slots__ = ("memory_space_id",)
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    def __init__(self, memory_space_id: _Optional[str] = ...) -> None: ...

class DropSpaceResponse(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class SpaceStatsRequest(_message.Message):
    __slots__ = ("memory_space_id",)
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    def __init__(self, memory_space_id: _Optional[str] = ...) -> None: ...

class SpaceStatsResponse(_message.Message):
    __slots__ = ("id", "memories", "forgotten", "with_vectors", "embedder", "dimensions", "lsn", "log_bytes", "syncs", "resident_bytes", "recovered_entries", "recovery_ms", "checkpoint_lsn", "checkpoint_at", "checkpoint_error", "recovery_notes", "hot", "warm", "cold", "tiers_error", "scrubbed_at", "scrub_damage", "suppressed", "unlinked", "linker_error", "concepts", "consolidation_rate", "consolidation_error")
    ID_FIELD_NUMBER: _ClassVar[int]
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_FIELD_NUMBER: _ClassVar[int]
    WITH_VECTORS_FIELD_NUMBER: _ClassVar[int]
    EMBEDDER_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    LSN_FIELD_NUMBER: _ClassVar[int]
    LOG_BYTES_FIELD_NUMBER: _ClassVar[int]
    SYNCS_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    RECOVERED_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_MS_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_LSN_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_AT_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_ERROR_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_NOTES_FIELD_NUMBER: _ClassVar[int]
    HOT_FIELD_NUMBER: _ClassVar[int]
    WARM_FIELD_NUMBER: _ClassVar[int]
    COLD_FIELD_NUMBER: _ClassVar[int]
    TIERS_ERROR_FIELD_NUMBER: _ClassVar[int]
    SCRUBBED_AT_FIELD_NUMBER: _ClassVar[int]
    SCRUB_DAMAGE_FIELD_NUMBER: _ClassVar[int]
    SUPPRESSED_FIELD_NUMBER: _ClassVar[int]
    UNLINKED_FIELD_NUMBER: _ClassVar[int]
    LINKER_ERROR_FIELD_NUMBER: _ClassVar[int]
    CONCEPTS_FIELD_NUMBER: _ClassVar[int]
    CONSOLIDATION_RATE_FIELD_NUMBER: _ClassVar[int]
    CONSOLIDATION_ERROR_FIELD_NUMBER: _ClassVar[int]
    id: str
    memories: int
    forgotten: int
    with_vectors: int
    embedder: str
    dimensions: int
    lsn: int
    log_bytes: int
    syncs: int
    resident_bytes: int
    recovered_entries: int
    recovery_ms: float
    checkpoint_lsn: int
    checkpoint_at: _timestamp_pb2.Timestamp
    checkpoint_error: str
    recovery_notes: _containers.RepeatedScalarFieldContainer[str]
    hot: int
    warm: int
    cold: int
    tiers_error: str
    scrubbed_at: _timestamp_pb2.Timestamp
    scrub_damage: _containers.RepeatedScalarFieldContainer[str]
    suppressed: int
    unlinked: int
    linker_error: str
    concepts: int
    consolidation_rate: float
    consolidation_error: str
    def __init__(self, id: _Optional[str] = ..., memories: _Optional[int] = ..., forgotten: _Optional[int] = ..., with_vectors: _Optional[int] = ..., embedder: _Optional[str] = ..., dimensions: _Optional[int] = ..., lsn: _Optional[int] = ..., log_bytes: _Optional[int] = ..., syncs: _Optional[int] = ..., resident_bytes: _Optional[int] = ..., recovered_entries: _Optional[int] = ..., recovery_ms: _Optional[float] = ..., checkpoint_lsn: _Optional[int] = ..., checkpoint_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., checkpoint_error: _Optional[str] = ..., recovery_notes: _Optional[_Iterable[str]] = ..., hot: _Optional[int] = ..., warm: _Optional[int] = ..., cold: _Optional[int] = ..., tiers_error: _Optional[str] = ..., scrubbed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., scrub_damage: _Optional[_Iterable[str]] = ..., suppressed: _Optional[int] = ..., unlinked: _Optional[int] = ..., linker_error: _Optional[str] = ..., concepts: _Optional[int] = ..., consolidation_rate: _Optional[float] = ..., consolidation_error: _Optional[str] = ...) -> None: ...

class CheckpointRequest(_message.Message):
    __slots__ = ("memory_space_id",)
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    def __init__(self, memory_space_id: _Optional[str] = ...) -> None: ...

class CheckpointResponse(_message.Message):
    __slots__ = ("space", "lsn", "bytes_written", "bytes_shared")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    LSN_FIELD_NUMBER: _ClassVar[int]
    BYTES_WRITTEN_FIELD_NUMBER: _ClassVar[int]
    BYTES_SHARED_FIELD_NUMBER: _ClassVar[int]
    space: str
    lsn: int
    bytes_written: int
    bytes_shared: int
    def __init__(self, space: _Optional[str] = ..., lsn: _Optional[int] = ..., bytes_written: _Optional[int] = ..., bytes_shared: _Optional[int] = ...) -> None: ...

class CompactRequest(_message.Message):
    __slots__ = ("memory_space_id",)
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    def __init__(self, memory_space_id: _Optional[str] = ...) -> None: ...

class CompactResponse(_message.Message):
    __slots__ = ("space", "lsn", "rows_dropped", "bytes_freed")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    LSN_FIELD_NUMBER: _ClassVar[int]
    ROWS_DROPPED_FIELD_NUMBER: _ClassVar[int]
    BYTES_FREED_FIELD_NUMBER: _ClassVar[int]
    space: str
    lsn: int
    rows_dropped: int
    bytes_freed: int
    def __init__(self, space: _Optional[str] = ..., lsn: _Optional[int] = ..., rows_dropped: _Optional[int] = ..., bytes_freed: _Optional[int] = ...) -> None: ...

class ReembedRequest(_message.Message):
    __slots__ = ("memory_space_id",)
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    def __init__(self, memory_space_id: _Optional[str] = ...) -> None: ...

class ReembedResponse(_message.Message):
    __slots__ = ("space", "embedded", "embedder")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    EMBEDDED_FIELD_NUMBER: _ClassVar[int]
    EMBEDDER_FIELD_NUMBER: _ClassVar[int]
    space: str
    embedded: int
    embedder: str
    def __init__(self, space: _Optional[str] = ..., embedded: _Optional[int] = ..., embedder: _Optional[str] = ...) -> None: ...

class VerifyRequest(_message.Message):
    __slots__ = ("memory_space_id",)
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    def __init__(self, memory_space_id: _Optional[str] = ...) -> None: ...

class RecoveryWay(_message.Message):
    __slots__ = ("snapshot_lsn", "lsn", "digest", "error")
    SNAPSHOT_LSN_FIELD_NUMBER: _ClassVar[int]
    LSN_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    snapshot_lsn: int
    lsn: int
    digest: str
    error: str
    def __init__(self, snapshot_lsn: _Optional[int] = ..., lsn: _Optional[int] = ..., digest: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class Damage(_message.Message):
    __slots__ = ("path", "offset", "reason", "lost", "instead")
    PATH_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    INSTEAD_FIELD_NUMBER: _ClassVar[int]
    path: str
    offset: int
    reason: str
    lost: str
    instead: str
    def __init__(self, path: _Optional[str] = ..., offset: _Optional[int] = ..., reason: _Optional[str] = ..., lost: _Optional[str] = ..., instead: _Optional[str] = ...) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("space", "entries", "bytes_read", "duration_ms", "opens", "lsn", "digest", "ways", "damage")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    BYTES_READ_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    OPENS_FIELD_NUMBER: _ClassVar[int]
    LSN_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    WAYS_FIELD_NUMBER: _ClassVar[int]
    DAMAGE_FIELD_NUMBER: _ClassVar[int]
    space: str
    entries: int
    bytes_read: int
    duration_ms: float
    opens: bool
    lsn: int
    digest: str
    ways: _containers.RepeatedCompositeFieldContainer[RecoveryWay]
    damage: _containers.RepeatedCompositeFieldContainer[Damage]
    def __init__(self, space: _Optional[str] = ..., entries: _Optional[int] = ..., bytes_read: _Optional[int] = ..., duration_ms: _Optional[float] = ..., opens: _Optional[bool] = ..., lsn: _Optional[int] = ..., digest: _Optional[str] = ..., ways: _Optional[_Iterable[_Union[RecoveryWay, _Mapping]]] = ..., damage: _Optional[_Iterable[_Union[Damage, _Mapping]]] = ...) -> None: ...

class WaitLinkedRequest(_message.Message):
    __slots__ = ("memory_space_id", "timeout_s")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    timeout_s: float
    def __init__(self, memory_space_id: _Optional[str] = ..., timeout_s: _Optional[float] = ...) -> None: ...

class WaitLinkedResponse(_message.Message):
    __slots__ = ("space", "unlinked")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    UNLINKED_FIELD_NUMBER: _ClassVar[int]
    space: str
    unlinked: int
    def __init__(self, space: _Optional[str] = ..., unlinked: _Optional[int] = ...) -> None: ...

class HealthCheckRequest(_message.Message):
    __slots__ = ("memory_space_id",)
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    def __init__(self, memory_space_id: _Optional[str] = ...) -> None: ...

class SpaceHealth(_message.Message):
    __slots__ = ("space", "phase", "reason", "memories", "concepts", "pressure", "lsn", "wal_lag_ms", "queue_count", "log_bytes", "log_bytes_unsaved", "checkpoint_lsn", "checkpoint_at", "recovery_ms", "hot", "warm", "cold", "resident_bytes", "damage", "errors", "consolidation_rate", "hot_utilization", "warm_utilization", "cold_utilization", "capacity", "quota_memories", "quota_bytes", "quota_writes_per_s")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    CONCEPTS_FIELD_NUMBER: _ClassVar[int]
    PRESSURE_FIELD_NUMBER: _ClassVar[int]
    LSN_FIELD_NUMBER: _ClassVar[int]
    WAL_LAG_MS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_COUNT_FIELD_NUMBER: _ClassVar[int]
    LOG_BYTES_FIELD_NUMBER: _ClassVar[int]
    LOG_BYTES_UNSAVED_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_LSN_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_AT_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_MS_FIELD_NUMBER: _ClassVar[int]
    HOT_FIELD_NUMBER: _ClassVar[int]
    WARM_FIELD_NUMBER: _ClassVar[int]
    COLD_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    DAMAGE_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    CONSOLIDATION_RATE_FIELD_NUMBER: _ClassVar[int]
    HOT_UTILIZATION_FIELD_NUMBER: _ClassVar[int]
    WARM_UTILIZATION_FIELD_NUMBER: _ClassVar[int]
    COLD_UTILIZATION_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    QUOTA_MEMORIES_FIELD_NUMBER: _ClassVar[int]
    QUOTA_BYTES_FIELD_NUMBER: _ClassVar[int]
    QUOTA_WRITES_PER_S_FIELD_NUMBER: _ClassVar[int]
    space: str
    phase: str
    reason: str
    memories: int
    concepts: int
    pressure: float
    lsn: int
    wal_lag_ms: float
    queue_count: int
    log_bytes: int
    log_bytes_unsaved: int
    checkpoint_lsn: int
    checkpoint_at: _timestamp_pb2.Timestamp
    recovery_ms: float
    hot: int
    warm: int
    cold: int
    resident_bytes: int
    damage: _containers.RepeatedScalarFieldContainer[str]
    errors: _containers.RepeatedScalarFieldContainer[str]
    consolidation_rate: float
    hot_utilization: float
    warm_utilization: float
    cold_utilization: float
    capacity: int
    quota_memories: int
    quota_bytes: int
    quota_writes_per_s: int
    def __init__(self, space: _Optional[str] = ..., phase: _Optional[str] = ..., reason: _Optional[str] = ..., memories: _Optional[int] = ..., concepts: _Optional[int] = ..., pressure: _Optional[float] = ..., lsn: _Optional[int] = ..., wal_lag_ms: _Optional[float] = ..., queue_count: _Optional[int] = ..., log_bytes: _Optional[int] = ..., log_bytes_unsaved: _Optional[int] = ..., checkpoint_lsn: _Optional[int] = ..., checkpoint_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., recovery_ms: _Optional[float] = ..., hot: _Optional[int] = ..., warm: _Optional[int] = ..., cold: _Optional[int] = ..., resident_bytes: _Optional[int] = ..., damage: _Optional[_Iterable[str]] = ..., errors: _Optional[_Iterable[str]] = ..., consolidation_rate: _Optional[float] = ..., hot_utilization: _Optional[float] = ..., warm_utilization: _Optional[float] = ..., cold_utilization: _Optional[float] = ..., capacity: _Optional[int] = ..., quota_memories: _Optional[int] = ..., quota_bytes: _Optional[int] = ..., quota_writes_per_s: _Optional[int] = ...) -> None: ...

class HealthCheckResponse(_message.Message):
    __slots__ = ("spaces", "resident_bytes", "memory_budget")
    class ResidentBytesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    SPACES_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BUDGET_FIELD_NUMBER: _ClassVar[int]
    spaces: _containers.RepeatedCompositeFieldContainer[SpaceHealth]
    resident_bytes: _containers.ScalarMap[str, int]
    memory_budget: int
    def __init__(self, spaces: _Optional[_Iterable[_Union[SpaceHealth, _Mapping]]] = ..., resident_bytes: _Optional[_Mapping[str, int]] = ..., memory_budget: _Optional[int] = ...) -> None: ...

class IntrospectRequest(_message.Message):
    __slots__ = ("memory_space_id",)
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    def __init__(self, memory_space_id: _Optional[str] = ...) -> None: ...

class IntrospectResponse(_message.Message):
    __slots__ = ("version", "kernels", "isa", "embedder", "spaces", "metrics")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    VERSION_FIELD_NUMBER: _ClassVar[int]
    KERNELS_FIELD_NUMBER: _ClassVar[int]
    ISA_FIELD_NUMBER: _ClassVar[int]
    EMBEDDER_FIELD_NUMBER: _ClassVar[int]
    SPACES_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    version: str
    kernels: str
    isa: str
    embedder: str
    spaces: int
    metrics: _containers.ScalarMap[str, float]
    def __init__(self, version: _Optional[str] = ..., kernels: _Optional[str] = ..., isa: _Optional[str] = ..., embedder: _Optional[str] = ..., spaces: _Optional[int] = ..., metrics: _Optional[_Mapping[str, float]] = ...) -> None: ...

class StreamRequest(_message.Message):
    __slots__ = ("memory_space_id", "topic", "after")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    topic: str
    after: int
    def __init__(self, memory_space_id: _Optional[str] = ..., topic: _Optional[str] = ..., after: _Optional[int] = ...) -> None: ...

class ObserveRequest(_message.Message):
    __slots__ = ("memory_space_id", "topic", "after", "credit")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    topic: str
    after: int
    credit: int
    def __init__(self, memory_space_id: _Optional[str] = ..., topic: _Optional[str] = ..., after: _Optional[int] = ..., credit: _Optional[int] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("lsn", "space", "at", "remembered", "superseded", "seen_again", "forgotten", "erased", "suppressed", "unsuppressed", "reviewed", "revectored", "accessed", "replayed", "concepts", "associated", "dissociated", "configured", "embedder")
    LSN_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    REMEMBERED_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDED_FIELD_NUMBER: _ClassVar[int]
    SEEN_AGAIN_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_FIELD_NUMBER: _ClassVar[int]
    ERASED_FIELD_NUMBER: _ClassVar[int]
    SUPPRESSED_FIELD_NUMBER: _ClassVar[int]
    UNSUPPRESSED_FIELD_NUMBER: _ClassVar[int]
    REVIEWED_FIELD_NUMBER: _ClassVar[int]
    REVECTORED_FIELD_NUMBER: _ClassVar[int]
    ACCESSED_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    CONCEPTS_FIELD_NUMBER: _ClassVar[int]
    ASSOCIATED_FIELD_NUMBER: _ClassVar[int]
    DISSOCIATED_FIELD_NUMBER: _ClassVar[int]
    CONFIGURED_FIELD_NUMBER: _ClassVar[int]
    EMBEDDER_FIELD_NUMBER: _ClassVar[int]
    lsn: int
    space: str
    at: _timestamp_pb2.Timestamp
    remembered: _containers.RepeatedScalarFieldContainer[str]
    superseded: _containers.RepeatedScalarFieldContainer[str]
    seen_again: _containers.RepeatedScalarFieldContainer[str]
    forgotten: _containers.RepeatedScalarFieldContainer[str]
    erased: _containers.RepeatedScalarFieldContainer[str]
    suppressed: _containers.RepeatedScalarFieldContainer[str]
    unsuppressed: _containers.RepeatedScalarFieldContainer[str]
    reviewed: _containers.RepeatedScalarFieldContainer[str]
    revectored: _containers.RepeatedScalarFieldContainer[str]
    accessed: _containers.RepeatedScalarFieldContainer[str]
    replayed: _containers.RepeatedScalarFieldContainer[str]
    concepts: _containers.RepeatedScalarFieldContainer[str]
    associated: int
    dissociated: int
    configured: bool
    embedder: str
    def __init__(self, lsn: _Optional[int] = ..., space: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., remembered: _Optional[_Iterable[str]] = ..., superseded: _Optional[_Iterable[str]] = ..., seen_again: _Optional[_Iterable[str]] = ..., forgotten: _Optional[_Iterable[str]] = ..., erased: _Optional[_Iterable[str]] = ..., suppressed: _Optional[_Iterable[str]] = ..., unsuppressed: _Optional[_Iterable[str]] = ..., reviewed: _Optional[_Iterable[str]] = ..., revectored: _Optional[_Iterable[str]] = ..., accessed: _Optional[_Iterable[str]] = ..., replayed: _Optional[_Iterable[str]] = ..., concepts: _Optional[_Iterable[str]] = ..., associated: _Optional[int] = ..., dissociated: _Optional[int] = ..., configured: _Optional[bool] = ..., embedder: _Optional[str] = ...) -> None: ...

class StreamEnd(_message.Message):
    __slots__ = ("code", "detail", "resume_after")
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    RESUME_AFTER_FIELD_NUMBER: _ClassVar[int]
    code: str
    detail: str
    resume_after: int
    def __init__(self, code: _Optional[str] = ..., detail: _Optional[str] = ..., resume_after: _Optional[int] = ...) -> None: ...

class SpaceEvent(_message.Message):
    __slots__ = ("space", "lsn", "started", "change", "heartbeat", "end")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    LSN_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    space: str
    lsn: int
    started: bool
    change: Change
    heartbeat: bool
    end: StreamEnd
    def __init__(self, space: _Optional[str] = ..., lsn: _Optional[int] = ..., started: _Optional[bool] = ..., change: _Optional[_Union[Change, _Mapping]] = ..., heartbeat: _Optional[bool] = ..., end: _Optional[_Union[StreamEnd, _Mapping]] = ...) -> None: ...

class StreamingRememberRequest(_message.Message):
    __slots__ = ("memory_space_id", "seq", "memories", "embeddings", "request_key")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_KEY_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    seq: int
    memories: _containers.RepeatedCompositeFieldContainer[NewMemory]
    embeddings: bytes
    request_key: str
    def __init__(self, memory_space_id: _Optional[str] = ..., seq: _Optional[int] = ..., memories: _Optional[_Iterable[_Union[NewMemory, _Mapping]]] = ..., embeddings: _Optional[bytes] = ..., request_key: _Optional[str] = ...) -> None: ...

class StreamingRememberResponse(_message.Message):
    __slots__ = ("seq", "remembered", "refused")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    REMEMBERED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    seq: int
    remembered: RememberManyResponse
    refused: _status_pb2.Status
    def __init__(self, seq: _Optional[int] = ..., remembered: _Optional[_Union[RememberManyResponse, _Mapping]] = ..., refused: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class StreamingRecallRequest(_message.Message):
    __slots__ = ("memory_space_id", "seq", "recall")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    RECALL_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    seq: int
    recall: RecallRequest
    def __init__(self, memory_space_id: _Optional[str] = ..., seq: _Optional[int] = ..., recall: _Optional[_Union[RecallRequest, _Mapping]] = ...) -> None: ...

class StreamingRecallResponse(_message.Message):
    __slots__ = ("seq", "recalled", "refused")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    RECALLED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    seq: int
    recalled: RecallResponse
    refused: _status_pb2.Status
    def __init__(self, seq: _Optional[int] = ..., recalled: _Optional[_Union[RecallResponse, _Mapping]] = ..., refused: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class RecallStreamRequest(_message.Message):
    __slots__ = ("memory_space_id", "recall", "lsn_min")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    RECALL_FIELD_NUMBER: _ClassVar[int]
    LSN_MIN_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    recall: RecallRequest
    lsn_min: int
    def __init__(self, memory_space_id: _Optional[str] = ..., recall: _Optional[_Union[RecallRequest, _Mapping]] = ..., lsn_min: _Optional[int] = ...) -> None: ...

class RecallStreamResponse(_message.Message):
    __slots__ = ("lsn", "begun", "recollection")
    LSN_FIELD_NUMBER: _ClassVar[int]
    BEGUN_FIELD_NUMBER: _ClassVar[int]
    RECOLLECTION_FIELD_NUMBER: _ClassVar[int]
    lsn: int
    begun: RecallResponse
    recollection: Recollection
    def __init__(self, lsn: _Optional[int] = ..., begun: _Optional[_Union[RecallResponse, _Mapping]] = ..., recollection: _Optional[_Union[Recollection, _Mapping]] = ...) -> None: ...

class DreamRequest(_message.Message):
    __slots__ = ("memory_space_id", "episodes_max")
    MEMORY_SPACE_ID_FIELD_NUMBER: _ClassVar[int]
    EPISODES_MAX_FIELD_NUMBER: _ClassVar[int]
    memory_space_id: str
    episodes_max: int
    def __init__(self, memory_space_id: _Optional[str] = ..., episodes_max: _Optional[int] = ...) -> None: ...

class DreamProgress(_message.Message):
    __slots__ = ("episodes_done", "episodes_total")
    EPISODES_DONE_FIELD_NUMBER: _ClassVar[int]
    EPISODES_TOTAL_FIELD_NUMBER: _ClassVar[int]
    episodes_done: int
    episodes_total: int
    def __init__(self, episodes_done: _Optional[int] = ..., episodes_total: _Optional[int] = ...) -> None: ...

class DreamResponse(_message.Message):
    __slots__ = ("lsn", "progress", "replayed", "concept", "finished")
    LSN_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    CONCEPT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    lsn: int
    progress: DreamProgress
    replayed: Change
    concept: Memory
    finished: ConsolidateResponse
    def __init__(self, lsn: _Optional[int] = ..., progress: _Optional[_Union[DreamProgress, _Mapping]] = ..., replayed: _Optional[_Union[Change, _Mapping]] = ..., concept: _Optional[_Union[Memory, _Mapping]] = ..., finished: _Optional[_Union[ConsolidateResponse, _Mapping]] = ...) -> None: ...
