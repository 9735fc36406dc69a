//! The log's tables in redb: one table of records per partition, one of facts about the log.
//!
//! Knows nothing of queues, threads or waiting. Every value that comes out of the file is checked here: a record
//! carries a CRC-32 over its partition, offset and payload, and offsets must follow each other without a hole. Start
//! with [`Store::commit`] and [`Store::page`].

use super::files::{FileWatch, LogFile, Verdict, private_file};
use crate::{Epoch, Offset, Record};
use bytes::Bytes;
use redb::{Builder, Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};
use std::{
    collections::BTreeMap,
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

/// Facts about the log, by name: see [`Store::create`].
const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");
const FORMAT: &str = "format";
const FORMAT_MAGIC: &str = "twitchy event log v";
/// Version of the format that this program writes, and the newest that it reads.
pub(super) const FORMAT_VERSION: u32 = 1;
const PARTITIONS: &str = "partitions";

/// redb's page cache. The tail of the log is served from the engine's own memory; the cache is for the inner pages of
/// the trees (about 1 % of the file) and for readers that catch up: 64 MiB holds 150,000 records of 0.4 kB.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// Bytes in front of a payload: the CRC-32, little-endian.
const CHECK_BYTES: usize = 4;

/// An open file of records.
pub(super) struct Store {
    db: Database,
    watch: Arc<FileWatch>,
}

/// What is known of a partition when its file is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) epoch: Epoch,
    pub(super) first: u64,
    pub(super) last: u64,
}

/// Why a file was not opened.
#[derive(Debug)]
pub(super) enum StoreError {
    Redb(redb::Error),
    NotOurs(String),
    Newer(u32),
    Partitions(u32),
    Damaged(String),
}

/// A place of the log that cannot be trusted.
#[derive(Debug)]
pub(super) struct Damage {
    pub(super) at: u64,
    pub(super) detail: String,
}

/// Why a page was not read.
#[derive(Debug)]
pub(super) enum PageError {
    Damaged(Damage),
    Failed(String),
}

fn records(name: &str) -> TableDefinition<'_, u64, &'static [u8]> {
    TableDefinition::new(name)
}

fn records_name(partition: u32) -> String {
    format!("records/{partition}")
}

fn epoch_name(partition: u32) -> String {
    format!("epoch/{partition}")
}

fn first_name(partition: u32) -> String {
    format!("first/{partition}")
}

fn checksum(partition: u32, offset: u64, payload: &[u8]) -> [u8; CHECK_BYTES] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&partition.to_le_bytes());
    hasher.update(&offset.to_le_bytes());
    hasher.update(payload);
    hasher.finalize().to_le_bytes()
}

/// The payload of a stored value, if the value is the one that was written at this place.
fn checked(partition: u32, offset: u64, value: &[u8]) -> Result<&[u8], Damage> {
    let damage = |detail: &str| Damage { at: offset, detail: detail.to_owned() };
    let (check, payload) =
        value.split_first_chunk::<CHECK_BYTES>().ok_or_else(|| damage("the record is cut short"))?;
    if *check != checksum(partition, offset, payload) {
        return Err(damage("the record's checksum is wrong"));
    }
    Ok(payload)
}

/// Runs something that reads from the file; redb may panic on a page that was damaged in a way its checks do not see.
fn guarded<T>(what: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(what)).unwrap_or_else(|panic| Err(StoreError::Damaged(panic_text(&*panic))))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    format!("the database library gave up on it: {}", text.lines().next().unwrap_or_default())
}

impl Store {
    fn open_file(path: &Path, make: bool, watch: &Arc<FileWatch>) -> Result<Self, StoreError> {
        let file = private_file().create_new(make).open(path).map_err(redb::Error::Io)?;
        let file = LogFile::new(file, Arc::clone(watch))?;
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE_BYTES);
        builder.set_repair_callback(|session| {
            // It is called for each of the passes.
            if session.progress() == 0.0 {
                tracing::warn!("the log was not closed: checking every page of it");
            }
        });
        Ok(Self { db: builder.create_with_backend(file)?, watch: Arc::clone(watch) })
    }

    /// Makes a new file with nothing but the facts about its log.
    pub(super) fn create(path: &Path, partitions: u32, watch: &Arc<FileWatch>) -> Result<(), StoreError> {
        let store = Self::open_file(path, true, watch)?;
        let transaction = store.begin()?;
        {
            let mut meta = transaction.open_table(META)?;
            meta.insert(FORMAT, format!("{FORMAT_MAGIC}{FORMAT_VERSION}").as_bytes())?;
            meta.insert(PARTITIONS, partitions.to_le_bytes().as_slice())?;
            for partition in 0..partitions {
                meta.insert(&*epoch_name(partition), Epoch::random().0.as_bytes())?;
                meta.insert(&*first_name(partition), 1_u64.to_le_bytes().as_slice())?;
                transaction.open_table(records(&records_name(partition)))?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Opens a file, checks that it is a log of ours with this number of partitions, and looks at both ends of each.
    pub(super) fn open(
        path: &Path,
        partitions: u32,
        watch: &Arc<FileWatch>,
    ) -> Result<(Self, Vec<Stored>), StoreError> {
        guarded(|| {
            let store = Self::open_file(path, false, watch)?;
            let stored = store.inspect(partitions)?;
            Ok((store, stored))
        })
    }

    fn inspect(&self, partitions: u32) -> Result<Vec<Stored>, StoreError> {
        let damaged = |what: &str| StoreError::Damaged(what.to_owned());
        let transaction = self.db.begin_read()?;
        let meta = match transaction.open_table(META) {
            Ok(meta) => meta,
            Err(redb::TableError::Storage(error)) => return Err(redb::Error::from(error).into()),
            Err(_) => return Err(StoreError::NotOurs("it is a redb file, but not an event log".to_owned())),
        };
        let text = |name: &str| -> Result<Option<String>, StoreError> {
            Ok(meta.get(name)?.map(|v| String::from_utf8_lossy(v.value()).into_owned()))
        };
        let format = text(FORMAT)?.unwrap_or_default();
        let version = format.strip_prefix(FORMAT_MAGIC).and_then(|v| v.parse::<u32>().ok());
        match version {
            None => return Err(StoreError::NotOurs("it is a redb file, but not an event log".to_owned())),
            Some(newer) if newer > FORMAT_VERSION => return Err(StoreError::Newer(newer)),
            Some(_) => {}
        }
        let found = meta.get(PARTITIONS)?.and_then(|v| v.value().try_into().ok().map(u32::from_le_bytes));
        match found {
            None => return Err(damaged("it does not say how many partitions it has")),
            Some(found) if found != partitions => return Err(StoreError::Partitions(found)),
            Some(_) => {}
        }
        (0..partitions)
            .map(|partition| {
                let epoch = text(&epoch_name(partition))?
                    .ok_or_else(|| damaged(&format!("the epoch of partition {partition} is missing")))?;
                let first = meta
                    .get(&*first_name(partition))?
                    .and_then(|v| v.value().try_into().ok().map(u64::from_le_bytes))
                    .filter(|first| *first > 0)
                    .ok_or_else(|| damaged(&format!("the start of partition {partition} is missing")))?;
                let table = transaction.open_table(records(&records_name(partition)))?;
                let last = ends(partition, first, &table)?;
                Ok(Stored { epoch: Epoch(epoch), first, last })
            })
            .collect()
    }

    fn begin(&self) -> Result<redb::WriteTransaction, redb::Error> {
        self.watch.begin();
        let mut transaction = self.db.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        #[cfg(feature = "broken")]
        if crate::broken::Fault::NoCommit.is_on() {
            transaction.set_durability(Durability::None)?;
        }
        // With one phase, redb takes a damaged newest commit for a torn one and silently goes back to the one before;
        // with two it knows better and says so. See docs/decisions/0001-embedded-engine.md.
        transaction.set_two_phase_commit(true);
        Ok(transaction)
    }

    /// Writes a group of records, each partition's from the given offset on, and returns when it is durable.
    pub(super) fn commit(&self, group: &BTreeMap<u32, (u64, Vec<&Bytes>)>) -> Result<(), String> {
        self.write(|transaction| {
            let mut value = Vec::new();
            for (partition, (from, payloads)) in group {
                let name = records_name(*partition);
                let mut table = transaction.open_table(records(&name))?;
                // Appending at the end of the tree fills its pages; inserting would leave them half empty.
                let mut end = table.upper_bound_mut(Bound::<u64>::Unbounded)?;
                for (offset, payload) in (*from..).zip(payloads) {
                    value.clear();
                    value.extend_from_slice(&checksum(*partition, offset, payload));
                    value.extend_from_slice(payload);
                    end.insert_before(offset, value.as_slice()).map_err(|error| match error {
                        redb::CursorError::UnorderedKey => {
                            redb::Error::Corrupted(format!("offset {offset} is not the next one"))
                        }
                        redb::CursorError::Storage(error) => error.into(),
                        other => redb::Error::Corrupted(other.to_string()),
                    })?;
                }
                end.close()?;
            }
            Ok(())
        })
    }

    /// Deletes the records `first..new_first` of a partition for good.
    pub(super) fn trim(&self, partition: u32, first: u64, new_first: u64) -> Result<(), String> {
        self.write(|transaction| {
            let name = records_name(partition);
            transaction.open_table(records(&name))?.retain_in(first..new_first, |_, _| false)?;
            transaction
                .open_table(META)?
                .insert(&*first_name(partition), new_first.to_le_bytes().as_slice())?;
            Ok(())
        })
    }

    fn write(
        &self,
        change: impl FnOnce(&redb::WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), String> {
        catch_unwind(AssertUnwindSafe(|| {
            let transaction = self.begin()?;
            change(&transaction)?;
            transaction.commit().map_err(redb::Error::from)
        }))
        .map_err(|panic| panic_text(&*panic))?
        .map_err(|error| error.to_string())
    }

    /// What to make of the last error of [`Self::commit`] or [`Self::trim`].
    pub(super) fn verdict(&self) -> Verdict {
        self.watch.verdict()
    }

    /// Up to `records_max` records of `after + 1 ..= last`, about `bytes_max` bytes, at least one. Records in front
    /// of a damaged one are returned; the damage is told by the page that begins with it.
    pub(super) fn page(
        &self,
        partition: u32,
        after: u64,
        last: u64,
        records_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Record>, PageError> {
        let mut page = Vec::new();
        let result = catch_unwind(AssertUnwindSafe(|| {
            self.fill(partition, after, last, records_max, bytes_max, &mut page)
        }));
        let at = after.saturating_add(1).saturating_add(page.len() as u64);
        let damage = match result {
            Ok(Ok(())) => return Ok(page),
            Ok(Err(FillError::Damage(damage))) => damage,
            Ok(Err(FillError::Redb(error))) => match error {
                redb::Error::Corrupted(detail) => Damage { at, detail },
                redb::Error::Io(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                    Damage { at, detail: "the file ends too early".to_owned() }
                }
                other => return Err(PageError::Failed(other.to_string())),
            },
            Err(panic) => Damage { at, detail: panic_text(&*panic) },
        };
        if page.is_empty() { Err(PageError::Damaged(damage)) } else { Ok(page) }
    }

    fn fill(
        &self,
        partition: u32,
        after: u64,
        last: u64,
        records_max: usize,
        bytes_max: usize,
        page: &mut Vec<Record>,
    ) -> Result<(), FillError> {
        let transaction = self.db.begin_read()?;
        let table = transaction.open_table(records(&records_name(partition)))?;
        let mut bytes = 0;
        let mut expected = after + 1;
        let mut range = table.range(expected..=last)?;
        while expected <= last && page.len() < records_max {
            let missing = || Damage { at: expected, detail: "the record is missing".to_owned() };
            let (key, value) = range.next().ok_or_else(missing)??;
            if key.value() != expected {
                return Err(missing().into());
            }
            let payload = checked(partition, expected, value.value())?;
            if !page.is_empty() && bytes + payload.len() > bytes_max {
                break;
            }
            bytes += payload.len();
            page.push(Record { offset: Offset(expected), payload: Bytes::copy_from_slice(payload) });
            expected += 1;
        }
        Ok(())
    }
}

/// Checks both ends of a partition's table against its start, and returns its last offset.
fn ends(
    partition: u32,
    first: u64,
    table: &impl ReadableTable<u64, &'static [u8]>,
) -> Result<u64, StoreError> {
    let damaged =
        |at: u64, detail: &str| StoreError::Damaged(format!("partition {partition}, offset {at}: {detail}"));
    let (Some(head), Some(tail)) = (table.first()?, table.last()?) else { return Ok(first - 1) };
    let last = tail.0.value();
    for (key, value) in [&head, &tail] {
        checked(partition, key.value(), value.value()).map_err(|d| damaged(d.at, &d.detail))?;
    }
    if head.0.value() != first {
        return Err(damaged(first, "the oldest record is missing"));
    }
    let expected = last.checked_sub(first).and_then(|n| n.checked_add(1));
    if expected != Some(table.len()?) {
        return Err(damaged(first, "records are missing between the oldest and the newest"));
    }
    Ok(last)
}

enum FillError {
    Damage(Damage),
    Redb(redb::Error),
}

impl From<Damage> for FillError {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}

impl<E: Into<redb::Error>> From<E> for FillError {
    fn from(error: E) -> Self {
        Self::Redb(error.into())
    }
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        Self::Redb(error.into())
    }
}
