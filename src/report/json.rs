//! The JSON output `thinspect/1`, in types of its own, so that internal types can change without changing the output.
//!
//! Within a version, fields are only added. Numbers are exact integers; unknown values are `null`, never 0.

use super::forecast::ForecastV1;
use super::{Report, Source};
use crate::advice::Risk;
use crate::diagnosis::{Excluded, Suspect, Symptom, SymptomKind};
use crate::forecast::SpaceForecast;
use crate::host::Host;
use crate::host::dm::status::{Discards, HeldRoot, WhenFull};
use crate::host::model::backing::Backing;
use crate::host::model::pool::{MinFreeFrom, Pool, PoolHalf, PoolOwner};
use crate::host::model::space::Space;
use crate::host::model::text::Text;
use crate::host::model::units::{Blocks, Bytes};
use crate::verdict::{Certainty, Severity, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

/// The whole report.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "thinspect/1")]
pub struct Output {
    /// Always `thinspect/1`.
    schema: &'static str,
    /// The overall verdict.
    verdict: Verdict,
    /// Where the facts came from.
    source: Source,
    /// When the host was recorded: RFC 3339, UTC.
    recorded_at: Option<String>,
    /// Every thin pool.
    pools: Vec<PoolV1>,
    /// What is wrong, most likely root cause first.
    findings: Vec<FindingV1>,
    /// Failures reported by log lines or pasted error messages.
    symptoms: Vec<SymptomV1>,
    /// Remaining causes of failures that no finding explains, most likely first.
    suspects: Vec<SuspectV1>,
    /// Causes that the facts rule out.
    excluded: Vec<ExcludedV1>,
    /// Queries that failed or timed out, and answers that were not understood.
    notes: Vec<NoteV1>,
}

/// A thin pool. A single error line is enough to make one; everything it does not state is `null`.
#[derive(Debug, Serialize, JsonSchema)]
struct PoolV1 {
    /// Device-mapper name.
    name: Option<String>,
    /// Device-mapper UUID.
    uuid: Option<String>,
    /// Device number, `253:0`.
    device: Option<String>,
    owner: OwnerV1,
    /// `rw`, `ro`, `out-of-data-space`, `failed`, `suspended`, `unanswered`, `unknown`; open-ended.
    mode: &'static str,
    /// The owner's transaction id.
    transaction_id: Option<u64>,
    /// Whether the metadata needs an offline check.
    needs_check: Option<bool>,
    /// Metadata block of a held metadata snapshot; 0 if none is held.
    held_metadata_root: Option<u64>,
    /// `passed-down`, `not-passed-down`, `ignored`.
    discards: Option<&'static str>,
    /// `queue` or `error`, in effect now.
    when_full: Option<&'static str>,
    data: SpaceV1,
    metadata: SpaceV1,
    backing: BackingsV1,
    headroom: HeadroomV1,
    min_free_space: MinFreeV1,
    /// When it will be full; only with a history.
    #[serde(skip_serializing_if = "Option::is_none")]
    forecast: Option<ForecastV1>,
}

/// The program that manages the pool.
#[derive(Debug, Serialize, JsonSchema)]
struct OwnerV1 {
    /// `docker`, `containerd`, `lvm`, `stratis`, `containers-storage`, `unknown`; open-ended.
    kind: &'static str,
    /// Its data directory.
    root: Option<String>,
}

/// Space in blocks.
#[derive(Debug, Serialize, JsonSchema)]
struct SpaceV1 {
    block_bytes: Option<u64>,
    used_blocks: Option<u64>,
    total_blocks: Option<u64>,
    free_blocks: Option<u64>,
    low_water_blocks: Option<u64>,
    /// Whether these are the kernel's exact counts; other tools report rounded ones.
    exact: bool,
}

/// The devices under the pool's data and metadata.
#[derive(Debug, Serialize, JsonSchema)]
struct BackingsV1 {
    data: BackingV1,
    metadata: BackingV1,
}

/// A device under the pool.
#[derive(Debug, Serialize, JsonSchema)]
struct BackingV1 {
    /// `loop`, `lvm`, `partition`, `disk`, `dm`, `unknown`; open-ended.
    kind: &'static str,
    /// Device number, `7:0`.
    device: Option<String>,
    /// Device node.
    path: Option<String>,
    /// Size of the device.
    size_bytes: Option<u64>,
    /// The file behind a loop device.
    file: Option<FileV1>,
    /// The filesystem that holds that file.
    filesystem: Option<FilesystemV1>,
}

/// A loop file.
#[derive(Debug, Serialize, JsonSchema)]
struct FileV1 {
    path: String,
    /// Apparent size.
    size_bytes: Option<u64>,
    /// Space allocated in its filesystem.
    allocated_bytes: Option<u64>,
    /// Whether it was deleted while attached.
    deleted: bool,
}

/// A filesystem.
#[derive(Debug, Serialize, JsonSchema)]
struct FilesystemV1 {
    mount: Option<String>,
    size_bytes: Option<u64>,
    /// Free for root.
    free_bytes: Option<u64>,
}

/// Room for new data.
#[derive(Debug, Serialize, JsonSchema)]
struct HeadroomV1 {
    /// Free space in the pool.
    pool_bytes: Option<u64>,
    /// Free space in the filesystem of the loop file, plus what the file has allocated but the pool does not use.
    filesystem_bytes: Option<u64>,
    /// The smaller of the two: what can really be written.
    effective_bytes: Option<u64>,
}

/// Docker's minimum of free space.
#[derive(Debug, Serialize, JsonSchema)]
struct MinFreeV1 {
    /// Percent of the total that must stay free.
    percent: Option<u64>,
    /// Source of the percentage: `default`, `option`, `docker-info`, `error-line`; `null` if there is no minimum.
    from: Option<&'static str>,
    data_required_blocks: Option<u64>,
    /// 0 if the minimum is met.
    data_short_blocks: Option<u64>,
    metadata_required_blocks: Option<u64>,
    metadata_short_blocks: Option<u64>,
}

/// One thing that is wrong.
#[derive(Debug, Serialize, JsonSchema)]
struct FindingV1 {
    /// The rule's released name.
    rule: &'static str,
    severity: Severity,
    certainty: Certainty,
    subject: SubjectV1,
    /// One sentence.
    summary: String,
    evidence: Vec<EvidenceV1>,
    /// What to do, mildest first.
    advice: Vec<AdviceV1>,
}

/// What a finding is about.
#[derive(Debug, Serialize, JsonSchema)]
struct SubjectV1 {
    kind: &'static str,
    name: String,
}

/// One fact.
#[derive(Debug, Serialize, JsonSchema)]
struct EvidenceV1 {
    fact: String,
    value: String,
    from: String,
}

/// One thing to do.
#[derive(Debug, Serialize, JsonSchema)]
struct AdviceV1 {
    does: String,
    risk: Risk,
    commands: Vec<String>,
    gain_bytes: Option<u64>,
}

/// An observed failure.
#[derive(Debug, Serialize, JsonSchema)]
struct SymptomV1 {
    /// The kind of failure.
    symptom: SymptomKind,
    /// The line that reports it.
    said: String,
    /// Rules whose findings explain it; empty if it is unexplained.
    explained_by: Vec<&'static str>,
}

/// A possible cause of an unexplained failure. A rule is never both a finding and a suspect.
#[derive(Debug, Serialize, JsonSchema)]
struct SuspectV1 {
    /// The rule that would find it.
    rule: &'static str,
    /// One sentence.
    summary: &'static str,
    /// Evidence for it.
    speaks_for: Vec<String>,
    /// The question that confirms or excludes it.
    decided_by: QuestionV1,
}

/// A question, with commands that only read.
#[derive(Debug, Serialize, JsonSchema)]
struct QuestionV1 {
    does: &'static str,
    commands: Vec<&'static str>,
}

/// A cause that is ruled out.
#[derive(Debug, Serialize, JsonSchema)]
struct ExcludedV1 {
    /// The rule that would have found it.
    rule: &'static str,
    /// The fact.
    because: String,
}

/// A query that failed or timed out, or an answer that was not understood.
#[derive(Debug, Serialize, JsonSchema)]
struct NoteV1 {
    about: String,
    text: String,
}

/// The report as JSON types.
#[must_use]
pub fn output(report: &Report) -> Output {
    let (host, diagnosis) = (&report.host, &report.diagnosis);
    Output {
        schema: "thinspect/1",
        verdict: report.verdict,
        source: report.source,
        recorded_at: host.recorded_at.clone(),
        pools: host.pools.iter().map(|p| pool(p, host)).collect(),
        findings: report.findings.iter().map(finding).collect(),
        symptoms: diagnosis.symptoms.iter().map(symptom).collect(),
        suspects: diagnosis.suspects.iter().map(suspect).collect(),
        excluded: diagnosis.excluded.iter().map(excluded).collect(),
        notes: host.notes.iter().map(|o| NoteV1 { about: o.about.clone(), text: o.text.clone() }).collect(),
    }
}

/// The JSON Schema of [`Output`].
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Output)
}

fn pool(pool: &Pool, host: &Host) -> PoolV1 {
    let headroom = pool.headroom();
    PoolV1 {
        name: pool.name.clone(),
        uuid: pool.uuid.clone().filter(|u| !u.is_empty()),
        device: pool.device.map(|d| d.to_string()),
        owner: owner(&pool.owner),
        mode: pool.state().word(),
        transaction_id: pool.transaction_id,
        needs_check: pool.needs_check,
        held_metadata_root: pool.held_root.map(|held| match held {
            HeldRoot::No => 0,
            HeldRoot::Block(block) => block,
        }),
        discards: pool.discards.map(|d| match d {
            Discards::PassedDown => "passed-down",
            Discards::NotPassedDown => "not-passed-down",
            Discards::Ignored => "ignored",
        }),
        when_full: pool.when_full.map(|w| match w {
            WhenFull::Queue => "queue",
            WhenFull::Error => "error",
        }),
        data: space(&pool.data, pool.block),
        metadata: space(&pool.metadata, Some(crate::host::model::units::METADATA_BLOCK)),
        backing: BackingsV1 { data: backing(&pool.data_backing), metadata: backing(&pool.metadata_backing) },
        headroom: HeadroomV1 {
            pool_bytes: bytes(headroom.pool),
            filesystem_bytes: bytes(headroom.filesystem),
            effective_bytes: bytes(headroom.effective),
        },
        min_free_space: min_free(pool),
        forecast: ForecastV1::of(pool, host, SpaceForecast::soonest),
    }
}

fn bytes(amount: Option<Bytes>) -> Option<u64> {
    amount.map(|b| b.0)
}

fn owner(owner: &PoolOwner) -> OwnerV1 {
    let root = match owner {
        PoolOwner::Docker { root } | PoolOwner::Containerd { root } => root.clone(),
        _ => None,
    };
    OwnerV1 { kind: owner.word(), root }
}

fn space<B: Blocks>(space: &Space<B>, block: Option<Bytes>) -> SpaceV1 {
    let count = |blocks: Option<B>| blocks.map(Blocks::count);
    SpaceV1 {
        block_bytes: bytes(block.or(space.block)),
        used_blocks: count(space.used),
        total_blocks: count(space.total),
        free_blocks: count(space.free()),
        low_water_blocks: count(space.low_water),
        exact: space.exact,
    }
}

fn backing(backing: &Backing) -> BackingV1 {
    BackingV1 {
        kind: backing.kind.word(),
        device: backing.device.map(|d| d.to_string()),
        path: backing.path.clone(),
        size_bytes: bytes(backing.size),
        file: backing.file.as_ref().map(|f| FileV1 {
            path: f.path.clone(),
            size_bytes: bytes(f.size),
            allocated_bytes: bytes(f.allocated),
            deleted: f.deleted,
        }),
        filesystem: backing.filesystem.as_ref().map(|f| FilesystemV1 {
            mount: f.mount.clone(),
            size_bytes: bytes(f.size),
            free_bytes: bytes(f.free),
        }),
    }
}

fn min_free(pool: &Pool) -> MinFreeV1 {
    MinFreeV1 {
        percent: pool.min_free.percent,
        from: match pool.min_free.from {
            MinFreeFrom::Default => Some("default"),
            MinFreeFrom::Option => Some("option"),
            MinFreeFrom::DockerInfo => Some("docker-info"),
            MinFreeFrom::ErrorLine => Some("error-line"),
            MinFreeFrom::NotDocker | MinFreeFrom::TooOld => None,
        },
        data_required_blocks: pool.min_free_required(PoolHalf::Data),
        data_short_blocks: pool.min_free_short(PoolHalf::Data),
        metadata_required_blocks: pool.min_free_required(PoolHalf::Metadata),
        metadata_short_blocks: pool.min_free_short(PoolHalf::Metadata),
    }
}

fn symptom(symptom: &Symptom) -> SymptomV1 {
    SymptomV1 {
        symptom: symptom.kind,
        said: symptom.said.clone(),
        explained_by: symptom.explained_by.clone(),
    }
}

fn suspect(suspect: &Suspect) -> SuspectV1 {
    let show = |text: &Text| text.plain();
    SuspectV1 {
        rule: suspect.rule,
        summary: suspect.summary,
        speaks_for: suspect.speaks_for.iter().map(show).collect(),
        decided_by: QuestionV1 { does: suspect.does, commands: suspect.commands.clone() },
    }
}

fn excluded(excluded: &Excluded) -> ExcludedV1 {
    ExcludedV1 { rule: excluded.rule, because: excluded.because.plain() }
}

fn finding(finding: &crate::rules::Finding) -> FindingV1 {
    let show = |text: &Text| text.plain();
    FindingV1 {
        rule: finding.rule,
        severity: finding.severity,
        certainty: finding.certainty,
        subject: SubjectV1 { kind: finding.subject.kind.word(), name: finding.subject.name.clone() },
        summary: show(&finding.summary),
        evidence: finding
            .evidence
            .iter()
            .map(|e| EvidenceV1 { fact: e.fact.clone(), value: show(&e.value), from: e.from.clone() })
            .collect(),
        advice: finding
            .advice
            .iter()
            .map(|a| AdviceV1 {
                does: show(&a.does),
                risk: a.risk,
                commands: a.commands.clone(),
                gain_bytes: bytes(a.gain),
            })
            .collect(),
    }
}
