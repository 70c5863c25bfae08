//! The sizes that client and server agree on.

/// The largest envelope of a unary `Record`: 1 MiB. Larger ones go through `RecordStream`.
pub const UNARY_ENVELOPE_BYTES_MAX: usize = 1 << 20;

/// The largest envelope there is: 64 MiB.
pub const ENVELOPE_BYTES_MAX: u64 = 64 << 20;

/// The largest piece of a stream: 1 MiB.
pub const PIECE_BYTES_MAX: usize = 1 << 20;

/// The largest gRPC message: 4 MiB. The largest we send is an entry with its evidence: 512 bytes of entry,
/// 1 MiB of admission record, 1 MiB of envelope, 63 hashes of 32 bytes: less than 2.1 MiB.
pub const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// The most envelopes of one `RecordBulk` that have no answer yet: 256.
pub const BULK_UNDER_WAY_MAX: usize = 256;

/// The most entries that one `GetEntries` names: 256.
pub const ENTRIES_MAX: usize = 256;

/// The most entries in one message of a `GetRange`: 256, the entries below one tile.
pub const RANGE_ENTRIES_MAX: usize = 256;

/// How many bytes a message of a `GetRange` has before no further entry is put into it: 256 KiB. With one more
/// entry of at most 2 MiB and 512 bytes it stays below 2.3 MiB.
pub const RANGE_BYTES: usize = 256 << 10;

/// The most entries in one answer to `Find`: 1,000.
pub const FIND_LIMIT_MAX: u32 = 1_000;

/// How many entries `Find` gives when the request does not say: 100.
pub const FIND_LIMIT_DEFAULT: u32 = 100;

/// The most findings in one answer to `Findings`: 512. A page is full with 256, and the entry that fills it may show 256. With ids of 2 KiB
/// and 64 entries each these are 1.4 MB.
pub const FINDINGS_MAX: usize = 512;

/// The most digests that `Findings` is asked about: 16, as many as a subject has.
pub const FINDINGS_ABOUT_MAX: usize = 16;

/// The most entries that show one finding: 64, as many as a rule compares with.
pub const FINDING_ENTRIES_MAX: usize = 64;

/// The most edges in one answer to `Trace`: 2,048. With ids of 100 bytes and as many nodes these are 0.9 MB.
pub const TRACE_EDGES_MAX: usize = 2_048;

/// The most nodes in one answer to `Trace`: the two ends of each edge, and the node asked about.
pub const TRACE_NODES_MAX: usize = 2 * TRACE_EDGES_MAX + 1;

/// The most nodes in one answer to `Resolve`: 16.
pub const RESOLVE_NODES_MAX: usize = 16;

/// The most environments in one answer to `Environments`: 256.
pub const ENVIRONMENTS_MAX: usize = 256;

/// The most entries in one answer to `Environment` that are taken whole, and the most that were erased: 20,000, as many as are
/// read for it.
pub const ENVIRONMENT_ENTRIES_MAX: usize = 20_000;

/// The most parts of entries in one answer to `Environment`: 16,384. The smallest has 75 bytes with a SHA-256: 1.2 MB.
pub const ENVIRONMENT_PARTS_MAX: usize = 16_384;

/// The most artifacts that one `Evidence` names: 256.
pub const EVIDENCE_ARTIFACTS_MAX: usize = 256;

/// The most entries of one artifact in an answer to `Evidence`: 64.
pub const EVIDENCE_LIMIT_MAX: u32 = 64;

/// The most edges on one page of an answer to `Impact`, subjects of signed entries, and erased entries: 8,192. With ids of 100 bytes edges are
/// 3 MB at most.
pub const IMPACT_PAGE_MAX: usize = 8_192;

/// The most parts of a whole answer to `Impact`, on all its pages: 65,536.
pub const IMPACT_PARTS_MAX: usize = 65_536;
