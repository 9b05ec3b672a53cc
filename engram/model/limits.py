"""Every bound of the engine: value, unit, reason, precedent."""

from __future__ import annotations

from typing import Final

# 100 KiB of UTF-8: a memory is a thought, not a document; longer texts belong in several memories.
# DynamoDB stops a whole item at 400 KB.
CONTENT_BYTES_MAX: Final = 100 * 1024

# 64 KiB of JSON: room for structured facts, too small for a blob; DynamoDB allows 400 KB for a
# whole item.
METADATA_BYTES_MAX: Final = 64 * 1024

# 64 levels of nesting: what is written must be readable from any depth of the caller's stack;
# MySQL's JSON allows 100.
METADATA_DEPTH_MAX: Final = 64

# 64 paths into metadata by which memories were filtered are kept ready: 16 bytes a value in RAM;
# the one not asked for the longest is let go, and read anew when it is.
METADATA_PATHS_MAX: Final = 64

# 64 tags a memory, 128 characters each: a tag is a label, not a
# text; AWS allows 50 tags a resource, of 128 characters.
TAGS_COUNT_MAX: Final = 64
LABEL_CHARACTERS_MAX: Final = 128

# 64 entities a memory, as many as tags: whom and what one text speaks of; a longer list is an index
# of its own. They are labels, as long as tags are.
ENTITIES_COUNT_MAX: Final = 64

# 64 names in `who` of an episode: a gathering; a crowd has a name of its own.
EPISODE_WHO_COUNT_MAX: Final = 64

# 1,024 characters of a part of an episode, of a reason or of a fact's value: a sentence or two.
# What is longer is the content.
DETAIL_CHARACTERS_MAX: Final = 1_024

# 65,536 expired memories noted as forgotten at once: 1 MiB of ids in a record of the log.
EXPIRED_COUNT_MAX: Final = 65_536

# 4,096 dimensions: above every embedding model in common use (OpenAI's largest has 3,072).
DIMENSIONS_MAX: Final = 4_096

# 10,000 memories in one batch: 15 MB of 384-dimensional vectors, one log record.
BATCH_COUNT_MAX: Final = 10_000

# 1,000 results of one recall or page: what a screen or a prompt can still hold.
LIMIT_MAX: Final = 1_000

# 100,000 memories of a space in RAM, 1,000,000 on disk as they are, 10,000,000 in all, forgotten
# ones that are still kept included: 160 MB of 384-dimensional vectors to scan exactly, 1.6 GB to
# read without unpacking, and what one machine is meant to hold.
HOT_CAPACITY_DEFAULT: Final = 100_000
WARM_CAPACITY_DEFAULT: Final = 1_000_000
COLD_CAPACITY_DEFAULT: Final = 10_000_000

# 1,000,000,000 memories of a space at most, whatever the settings say: a place has bits for 32,768
# segments of 65,536 bodies, of which half may wait to be merged.
CAPACITY_MAX: Final = 1_000_000_000

# 65,536 bodies in a segment: an offset in it takes 16 bits of a place.
SEGMENT_BODIES_MAX: Final = 65_536

# 32 MiB for all that a store keeps resident: the largest batch is 12 MiB and must fit the half that
# hot bodies may take.
MEMORY_BUDGET_BYTES_MIN: Final = 32 * 1024 * 1024

# 8,192 commands waiting for one space's writer: at 20,000 writes a second under half a second.
QUEUE_COUNT_MAX: Final = 8_192

# 256 MiB of texts and vectors waiting for one space's writer: twenty of the largest bulk parts, and
# a hundredth of a small server's RAM.
QUEUE_BYTES_MAX: Final = 256 * 1024 * 1024

# 24 hours of event time a request's answer is kept: longer than anybody goes on trying; Stripe
# keeps its idempotency keys as long.
REQUEST_KEYS_NS: Final = 24 * 60 * 60 * 1_000_000_000

# 1,000,000 answered requests a space: some 80 MB with one memory each; the oldest are let go.
REQUEST_KEYS_MAX: Final = 1_000_000

# 4,000,000 ids in the answers of a space: 68 MB; a bulk request of millions has an id each.
REQUEST_IDS_MAX: Final = 4_000_000

# 60 seconds between two reviews of a memory: what is said twice about one answer counts once.
# Anki shows a new card again after a minute at the earliest.
REVIEWS_APART_NS_MIN: Final = 60 * 1_000_000_000

# 255 characters of a request key: a UUID and a few words; Stripe allows as many.
REQUEST_KEY_CHARACTERS_MAX: Final = 255

# 262,144 memories whose words are not indexed yet: a recall that has to wait for them waits for
# seconds and not for minutes. Beyond it writes wait for the index.
WORDS_BACKLOG_ROWS_MAX: Final = 262_144

# 32,768 texts whose words are in no snapshot: an opening makes them anew. Some 12 us each for 100
# bytes, 0.4 s; a snapshot for fewer would write a page of vectors (100 MB) for little.
WORDS_UNSAVED_ROWS_MAX: Final = 32_768

# 1,024 lone writes in one commit group: 1.6 MB of 384-dimensional vectors, one sync.
GROUP_COUNT_MAX: Final = 1_024

# 12 MiB of vectors and text in one log record, below the log's own 16 MiB with room for columns.
PART_BYTES_MAX: Final = 12 * 1024 * 1024

# 8,192 characters of a cue: a question and not a document; a 100 KB cue of 8,000 words took up
# to 230 ms in the word index alone.
CUE_CHARACTERS_MAX: Final = 8_192

# 1,000 memories as a cue, as many as a recall lists: one answer may be the next cue.
CUE_MEMORIES_MAX: Final = 1_000

# 4 KiB of scratch memory a thread: the smallest a machine hands out, one page; small enough to make
# every kernel that needs more say so in a test.
ARENA_BYTES_MIN: Final = 4 * 1024

# 1 GiB of scratch memory a thread: the five threads that run kernels hold no more than 5 GiB; a
# kernel that needs more is wrong, and a larger number in a setting is a slip of the hand.
ARENA_BYTES_MAX: Final = 1024 * 1024 * 1024

# 1 MiB of scratch memory a thread unless set otherwise: six times what the longest cue of common
# words took (164 KiB for 1,000 words over 50,000 texts); the five threads of a store hold 5 MiB.
ARENA_BYTES_DEFAULT: Final = 1024 * 1024

# 1 MiB for the places that backups of a store were made to: some ten thousand URLs; whoever makes a
# new place each time has a directory a day for decades.
BACKUP_PLACES_BYTES_MAX: Final = 1024 * 1024

# 7 days of history unless set otherwise: a mistake made on a Friday can still be looked into a week
# later, and what is forgotten takes its room no longer than that.
HISTORY_RETENTION_SECONDS_DEFAULT: Final = 7 * 86_400

# 3,650 days of history, ten years: as good as for ever, and still far from where nanoseconds since
# the epoch end (1678); a larger number in a setting is a slip of the hand.
HISTORY_RETENTION_SECONDS_MAX: Final = 3_650 * 86_400

# 256 MiB of log a space may gather before a snapshot of it is written, unless set otherwise:
# replaying them takes about a second, and the hot bodies of a full space (150 MB of 384-d) are
# written no more often than the log that brought them.
CHECKPOINT_LOG_BYTES_DEFAULT: Final = 256 * 1024 * 1024

# 1 MiB of log before a snapshot, at least: below it a snapshot's own syncs cost more than the
# replay that it spares.
CHECKPOINT_LOG_BYTES_MIN: Final = 1024 * 1024

# 8 attempts at one compaction: each fails only when a memory was erased, given a vector later or
# another embedder adopted in the moment between; after eight the caller had better come back.
COMPACTION_ATTEMPTS_MAX: Final = 8

# 4 MiB a second that are read again in the background unless set otherwise: 360 GB a day, more than
# a store of ten million memories takes, and four reads of 1 MiB a second.
SCRUB_BYTES_PER_S_DEFAULT: Final = 4 * 1024 * 1024

# 16 automatic edges that leave a memory: 2 in its session, 10 to the hubs of its labels, 4 to what
# is like it. More would make the graph larger than the texts it is about.
AUTOMATIC_EDGES_MAX: Final = 16

# 10 labels of a memory that lead to hubs: what its session and its likes leave of those 16.
MENTIONS_MAX: Final = 10

# 500 characters of a reason why two memories belong together: a sentence or two,
# four times the length of a label.
WHY_CHARACTERS_MAX: Final = 500

# 10,000 edges in one command, as many as memories in a batch: 700 KB, one log record.
ASSOCIATIONS_COUNT_MAX: Final = 10_000

# 8 edges of a path between two memories: beyond it everything is connected to everything.
PATH_HOPS_MAX: Final = 8

# 32 paths of one answer: each takes as many searches as the path before has edges.
PATHS_COUNT_MAX: Final = 32

# 64 memories shown of one contradiction, of each value one before a second of any: enough to see
# what is said, and to correct it; how many there are in all is told.
CLAIMS_COUNT_MAX: Final = 64

# 131,072 characters of a statement: a vector of 4,096 numbers in full, and a condition; what is
# longer comes as a parameter.
QUERY_CHARACTERS_MAX: Final = 131_072

# 64 conditions nested in each other: more than anybody reads, and far from Python's own recursion.
QUERY_DEPTH_MAX: Final = 64

# 1,000 values after IN, as many as a recall lists: one answer may narrow the next question.
QUERY_VALUES_MAX: Final = 1_000

# 10,000 ms a statement may be expected to take unless its caller or the settings say otherwise: who
# waits longer than ten seconds should have said so.
QUERY_BUDGET_MS_DEFAULT: Final = 10_000.0

# 1,000 episodes that one statement has a concept cite: as many as a recall lists, and far more than
# one text can tell of.
CONCEPT_EPISODES_MAX: Final = 1_000

# 256 characters of the name of a concept, as of every name in the language.
CONCEPT_NAME_CHARACTERS_MAX: Final = 256

# 1,024 changes of a space wait for who follows it: a record of the log each, some seconds of busy
# writing; whoever is further behind reads the log.
FEED_CHANGES_COUNT_MAX: Final = 1_024

# 65,536 ids in them, as texts some 6 MB: six parts of a bulk load at its fullest.
FEED_IDS_COUNT_MAX: Final = 65_536

# 1,024 ids or changes that one follower reads ahead from the log: a thousand that come back at once
# must not hold the past of a space a thousand times.
FOLLOWER_READ_COUNT_MAX: Final = 1_024

SPACES_MAX_DEFAULT: Final = 10_000
"""10,000 memory spaces of a store: ten times what one process is made for, and as many buckets as
its limiter keeps. Each is a directory with a log of its own."""

SPACES_PER_CALLER_DEFAULT: Final = 1_000
"""1,000 memory spaces that one caller of a server makes while it runs: what one process is made
for; a tenth of all, so that no one caller leaves none for the others."""
