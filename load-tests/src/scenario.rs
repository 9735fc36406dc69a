//! A scenario: who reads and writes what, how fast, and what happens to them. A TOML file.
//!
//! At a scale of 0.1 there are a tenth of the viewers, writers and messages; times stay. [`Scenario::plans`] shares it
//! out among workers. It knows no socket.

use crate::{
    dialect::Dialect,
    plan::{Crowd, Kill, Plan, Room},
};
use serde::Deserialize;
use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
};

/// Viewers of one worker: a process may open 20,000 files on usual machines.
const VIEWERS_OF_WORKER_MAX: usize = 15_000;
/// Connections from one source address: it has 28,000 ports.
const CONNECTIONS_OF_ADDRESS_MAX: usize = 10_000;
/// Nobody means more: a month of messages, a million viewers.
const SECONDS_MAX: f64 = 30.0 * 86_400.0;
const VIEWERS_MAX: usize = 1_000_000;
/// More than any machine writes.
const RATE_MAX: f64 = 10_000_000.0;
/// Messages of a closed loop; more are no different.
const UNDER_WAY_MAX: usize = 4_096;
/// Bytes of a line, so that it is a message with its mark behind it, whatever a style makes of it.
const LINE_BYTES_MAX: usize = 120;
/// The numbers of one worker's messages; with 32 workers they stay apart.
const NUMBERS_OF_WORKER: u32 = 1 << 27;

/// As it stands in a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is to show.
    pub about: String,
    /// The whole run, in seconds.
    pub seconds: f64,
    /// Its first part, whose latencies do not count.
    #[serde(default)]
    pub warm_seconds: f64,
    /// How long viewers may take for what is left at the end.
    #[serde(default = "drain_seconds")]
    pub drain_seconds: f64,
    /// Connections that write, each a user of its own.
    pub writers: usize,
    #[serde(default = "text_bytes")]
    pub text_bytes: usize,
    /// Connections that may be opening at the same time, in all.
    /// Files of styles' golden cases, beside this one, whose lines (what people really type) are said instead.
    #[serde(default)]
    pub golden: Vec<PathBuf>,
    /// What was found in them, as it stands in JSON.
    #[serde(skip)]
    pub lines: Vec<String>,
    /// A closed loop instead of rates: so many messages are always under way, each until every viewer has it.
    pub under_way: Option<usize>,
    #[serde(default = "opening_max")]
    pub opening_max: usize,
    /// What slow viewers read a second; 0: nothing until the end.
    #[serde(default)]
    pub slow_bytes_per_second: u64,
    #[serde(default)]
    pub kills: Vec<Kill>,
    pub rooms: Vec<RoomPart>,
}

/// A room's part in a scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomPart {
    /// Empty: the server's first room that no other part names, and so on.
    #[serde(default)]
    pub slug: String,
    /// `[second, messages a second]`; straight lines between. Empty in a closed loop.
    #[serde(default)]
    pub rate: Vec<(f64, f64)>,
    #[serde(default)]
    pub viewers: usize,
    #[serde(default = "feed")]
    pub feed: String,
    #[serde(default)]
    pub history: u32,
    /// The share of the viewers that read slowly, from 0 to 1.
    #[serde(default)]
    pub slow: f64,
    /// The share of the viewers that asks for compressed messages, from 0 to 1.
    #[serde(default)]
    pub compressed: f64,
    #[serde(default)]
    pub joins: Vec<Join>,
}

/// Viewers that come while it runs.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    pub at: f64,
    #[serde(default)]
    pub within: f64,
    pub viewers: usize,
}

fn drain_seconds() -> f64 {
    20.0
}

fn text_bytes() -> usize {
    60
}

fn opening_max() -> usize {
    256
}

fn feed() -> String {
    "full".to_owned()
}

/// What people typed in these golden cases, as it stands in JSON.
fn said_in(golden: &str) -> impl Iterator<Item = String> {
    let lines = golden.lines().filter_map(|line| line.strip_prefix("in: "));
    let short = lines.filter(|line| line.len() <= LINE_BYTES_MAX && !line.trim().is_empty());
    short.filter_map(|line| {
        let quoted = serde_json::to_string(line).ok()?;
        Some(quoted.strip_prefix('"')?.strip_suffix('"')?.to_owned())
    })
}

/// Where a scenario is played.
#[derive(Clone, Debug)]
pub struct Stage {
    pub dialect: Dialect,
    pub read_at: Vec<SocketAddrV4>,
    pub write_at: Vec<SocketAddrV4>,
    pub core: Option<usize>,
    pub run: String,
    /// Worker processes for viewers at least.
    pub processes: usize,
    pub connect_seconds_max: f64,
}

impl Scenario {
    /// # Errors
    /// What is wrong with it, for people.
    pub fn read(path: &Path) -> Result<Self, String> {
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = fs::read_to_string(path).map_err(|e| told(&e))?;
        let mut scenario: Self = toml::from_str(&text).map_err(|e| told(&e))?;
        scenario.check().map_err(|e| told(&e))?;
        for file in &scenario.golden {
            let file = path.parent().unwrap_or(Path::new("")).join(file);
            let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
            scenario.lines.extend(said_in(&text));
        }
        if scenario.lines.is_empty() && !scenario.golden.is_empty() {
            return Err(told(&"there are no lines in the golden files"));
        }
        Ok(scenario)
    }

    fn check(&self) -> Result<(), String> {
        let within = |what: &str, value: f64, most: f64| match (0.0..=most).contains(&value) {
            true => Ok(()),
            false => Err(format!("{what} is {value}; it has to be from 0 to {most}")),
        };
        within("seconds", self.seconds, SECONDS_MAX)?;
        within("warm_seconds", self.warm_seconds, self.seconds)?;
        within("drain_seconds", self.drain_seconds, SECONDS_MAX)?;
        if self.rooms.is_empty() || self.opening_max == 0 {
            return Err("a scenario has rooms, and lets somebody in".to_owned());
        }
        for kill in &self.kills {
            within("kills.at", kill.at, self.seconds)?;
            within("kills.within", kill.within, SECONDS_MAX)?;
            within("kills.share", kill.share, 1.0)?;
        }
        if !self.kills.is_sorted_by(|a, b| a.at <= b.at) {
            return Err("kills are written in the order of time".to_owned());
        }
        if let Some(under_way) = self.under_way {
            self.check_closed(under_way)?;
        }
        for room in &self.rooms {
            within("rooms.slow", room.slow, 1.0)?;
            within("rooms.compressed", room.compressed, 1.0)?;
            if room.rate.is_empty() != self.under_way.is_some() || !room.rate.is_sorted_by(|a, b| a.0 <= b.0)
            {
                return Err("a room's rate has points in the order of time".to_owned());
            }
            for (at, rate) in &room.rate {
                within("the time of a rate", *at, SECONDS_MAX)?;
                within("a rate", *rate, RATE_MAX)?;
            }
            for join in &room.joins {
                within("joins.at", join.at, self.seconds)?;
                within("joins.within", join.within, SECONDS_MAX)?;
            }
            if !["full", "readable", "auto"].contains(&room.feed.as_str()) {
                return Err(format!("there is no feed {:?}", room.feed));
            }
        }
        if self.viewers() > VIEWERS_MAX {
            return Err(format!("more than {VIEWERS_MAX} viewers"));
        }
        if self.writers == 0 && self.under_way.is_some() {
            return Err("somebody has to write: writers is 0".to_owned());
        }
        if self.writers == 0 && self.rooms.iter().flat_map(|room| &room.rate).any(|(_, rate)| *rate > 0.0) {
            return Err("somebody has to write: writers is 0".to_owned());
        }
        Ok(())
    }

    /// Who has a message is counted in one process, and everybody has to get it.
    fn check_closed(&self, under_way: usize) -> Result<(), String> {
        let [room] = self.rooms.as_slice() else {
            return Err("a closed loop has one room".to_owned());
        };
        let all_get_all =
            room.feed == "full" && room.slow <= 0.0 && room.joins.is_empty() && self.kills.is_empty();
        if !all_get_all || !(1..=VIEWERS_OF_WORKER_MAX).contains(&room.viewers) {
            return Err(format!(
                "a closed loop has 1 to {VIEWERS_OF_WORKER_MAX} viewers, who are there all the time and read everything"
            ));
        }
        match (1..=UNDER_WAY_MAX).contains(&under_way) {
            true => Ok(()),
            false => Err(format!("under_way is {under_way}; it has to be from 1 to {UNDER_WAY_MAX}")),
        }
    }

    /// All viewers that ever come.
    pub fn viewers(&self) -> usize {
        let joins = |room: &RoomPart| room.joins.iter().map(|join| join.viewers).sum::<usize>();
        self.rooms.iter().map(|room| room.viewers + joins(room)).sum()
    }

    /// With so many times the viewers, writers and messages. Who is there at all stays there.
    #[must_use]
    pub fn scaled(mut self, scale: f64) -> Self {
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let times =
            |count: usize| if count == 0 { 0 } else { ((count as f64 * scale).round() as usize).max(1) };
        self.writers = times(self.writers);
        for room in &mut self.rooms {
            room.viewers = times(room.viewers);
            room.joins.iter_mut().for_each(|join| join.viewers = times(join.viewers));
            room.rate.iter_mut().for_each(|(_, rate)| *rate *= scale);
        }
        self
    }

    /// Stops after so many seconds, if that is earlier.
    #[must_use]
    pub fn shortened(mut self, seconds: f64) -> Self {
        self.seconds = self.seconds.min(seconds);
        self.warm_seconds = self.warm_seconds.min(self.seconds / 4.0);
        let end = self.seconds;
        self.kills.retain(|kill| kill.at < end);
        self.rooms.iter_mut().for_each(|room| room.joins.retain(|join| join.at < end));
        self
    }

    /// Names the rooms that have no name.
    ///
    /// # Errors
    /// There are not so many.
    pub fn name_rooms(&mut self, known: &[String]) -> Result<(), String> {
        for at in 0..self.rooms.len() {
            if self.rooms[at].slug.is_empty() {
                let free = known.iter().find(|slug| self.rooms.iter().all(|room| room.slug != **slug));
                self.rooms[at].slug = free.ok_or("the server has fewer rooms than the scenario")?.clone();
            }
        }
        Ok(())
    }

    /// Shares the work out: the first worker writes and, if they are few, reads; the others read.
    pub fn plans(&self, tokens: &[String], stage: &Stage) -> Vec<Plan> {
        let viewers = self.viewers();
        let readers = viewers.div_ceil(VIEWERS_OF_WORKER_MAX).max(stage.processes).max(1);
        // Writers have a process of their own as soon as there is more than one.
        let (workers, first_reader) = if readers > 1 { (readers + 1, 1) } else { (1, 0) };
        let mut next_address = 2_u8;
        (0..workers)
            .map(|worker| {
                let reads = worker >= first_reader;
                let part = |count: usize| match worker.checked_sub(first_reader) {
                    Some(part) => count / readers + usize::from(part < count % readers),
                    None => 0,
                };
                let rooms: Vec<Room> = self
                    .rooms
                    .iter()
                    .map(|room| {
                        let crowd = |viewers, slow, at, within| Crowd {
                            viewers,
                            feed: room.feed.clone(),
                            history: room.history,
                            slow,
                            compressed: room.compressed,
                            at,
                            within,
                        };
                        let here = part(room.viewers);
                        #[allow(
                            clippy::cast_precision_loss,
                            clippy::cast_possible_truncation,
                            clippy::cast_sign_loss
                        )]
                        let slow = (here as f64 * room.slow).round() as usize;
                        let mut crowds =
                            vec![crowd(here - slow, false, None, 0.0), crowd(slow, true, None, 0.0)];
                        crowds.extend(
                            room.joins.iter().map(|j| crowd(part(j.viewers), false, Some(j.at), j.within)),
                        );
                        crowds.retain(|crowd| crowd.viewers > 0);
                        Room { slug: room.slug.clone(), rate: room.rate.clone(), crowds }
                    })
                    .collect();
                let count: usize =
                    rooms.iter().flat_map(|room| &room.crowds).map(|crowd| crowd.viewers).sum();
                let addresses = (count.div_ceil(CONNECTIONS_OF_ADDRESS_MAX)).max(1);
                let from = (0..addresses)
                    .map(|_| {
                        let address = Ipv4Addr::new(127, 0, 0, next_address);
                        next_address = next_address.wrapping_add(1).max(2);
                        address
                    })
                    .collect();
                let writers = if worker == 0 { tokens.to_vec() } else { Vec::new() };
                let first_number = u32::try_from(worker).unwrap_or(0).wrapping_mul(NUMBERS_OF_WORKER)
                    + u32::try_from(writers.len()).unwrap_or(0);
                Plan {
                    dialect: stage.dialect.clone(),
                    read_at: stage.read_at.clone(),
                    write_at: stage.write_at.clone(),
                    from,
                    core: stage.core,
                    rooms,
                    writers,
                    first_number,
                    text_bytes: self.text_bytes,
                    // Only the first worker writes.
                    lines: if worker == 0 { self.lines.clone() } else { Vec::new() },
                    under_way: self.under_way,
                    warm_seconds: self.warm_seconds,
                    seconds: self.seconds,
                    connect_seconds_max: stage.connect_seconds_max,
                    opening_max: (self.opening_max / if reads { readers } else { 1 }).max(1),
                    slow_bytes_per_second: self.slow_bytes_per_second,
                    kills: self.kills.clone(),
                    run: stage.run.clone(),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<(String, Scenario)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let files = fs::read_dir(folder).expect("the folder is there").flatten();
        files
            .map(|file| {
                let name = file.file_name().to_string_lossy().into_owned();
                (name, Scenario::read(&file.path()).unwrap_or_else(|error| panic!("{error}")))
            })
            .collect()
    }

    fn stage(processes: usize) -> Stage {
        let at = vec!["127.0.0.1:1".parse().unwrap()];
        Stage {
            dialect: Dialect::Twitchy,
            read_at: at.clone(),
            write_at: at,
            core: None,
            run: "r".into(),
            processes,
            connect_seconds_max: 1.0,
        }
    }

    #[test]
    fn every_scenario_is_there_and_sound() {
        let mut names: Vec<_> = all().into_iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        let expected = [
            "average",
            "join-storm",
            "peak",
            "reconnect-storm",
            "slow-viewers",
            "soak",
            "spike",
            "storm-one-room",
        ];
        for name in expected {
            assert!(names.contains(&format!("{name}.toml")), "{name} of {names:?}");
        }
    }

    #[test]
    fn whatever_the_scale_everybody_is_shared_out_and_nobody_twice() {
        for (name, scenario) in all() {
            for (scale, processes) in [(1.0, 1), (0.01, 1), (0.1, 3)] {
                let scenario = scenario.clone().scaled(scale);
                let tokens = vec![String::new(); scenario.writers];
                let plans = scenario.plans(&tokens, &stage(processes));
                let crowds = plans.iter().flat_map(|plan| &plan.rooms).flat_map(|room| &room.crowds);
                assert_eq!(
                    crowds.map(|crowd| crowd.viewers).sum::<usize>(),
                    scenario.viewers(),
                    "{name} {scale}"
                );
                assert_eq!(plans.iter().map(|plan| plan.writers.len()).sum::<usize>(), scenario.writers);
                let mut from: Vec<_> = plans.iter().flat_map(|plan| plan.from.clone()).collect();
                from.dedup();
                assert_eq!(from.len(), plans.iter().map(|plan| plan.from.len()).sum::<usize>());
                for plan in &plans {
                    let here =
                        plan.rooms.iter().flat_map(|room| &room.crowds).map(|c| c.viewers).sum::<usize>();
                    assert!(
                        here <= VIEWERS_OF_WORKER_MAX && here <= plan.from.len() * CONNECTIONS_OF_ADDRESS_MAX
                    );
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        let good = "about = ''\nseconds = 1\nwriters = 1\n[[rooms]]\nrate = [[0, 1]]\n";
        assert!(toml::from_str::<Scenario>(good).unwrap().check().is_ok());
        for (from, to, why) in [
            ("seconds = 1", "seconds = -1", "seconds"),
            ("writers = 1", "writers = 0", "write"),
            ("[[0, 1]]", "[]", "rate"),
            ("[[0, 1]]", "[[1, 1], [0, 1]]", "order"),
            ("[[0, 1]]", "[[0, 1]]\nfeed = 'loud'", "feed"),
            ("[[0, 1]]", "[[0, 1]]\nslow = 2", "slow"),
            ("[[0, 1]]", "[[0, 1]]\ncompressed = 2", "compressed"),
            ("writers = 1", "writers = 1\nkills = [{ at = 2, share = 1, within = 0 }]", "kills"),
        ] {
            let scenario: Scenario = toml::from_str(&good.replace(from, to)).unwrap();
            let told = scenario.check().unwrap_err();
            assert!(told.contains(why), "{told}");
        }
        assert!(toml::from_str::<Scenario>(&good.replace("writers", "wirters")).is_err());
    }

    #[test]
    fn a_closed_loop_is_one_room_whose_viewers_are_there_and_read_everything() {
        let good = "about = ''\nseconds = 1\nwriters = 1\nunder_way = 64\n[[rooms]]\nviewers = 2\n";
        assert!(toml::from_str::<Scenario>(good).unwrap().check().is_ok());
        for (from, to, why) in [
            ("under_way = 64", "under_way = 0", "under_way"),
            ("viewers = 2", "", "closed loop"),
            ("viewers = 2", "viewers = 2\nfeed = 'auto'", "closed loop"),
            ("viewers = 2", "viewers = 2\nslow = 0.5", "closed loop"),
            ("viewers = 2", "viewers = 2\nrate = [[0, 1]]", "rate"),
            ("writers = 1", "writers = 0", "write"),
        ] {
            let told = toml::from_str::<Scenario>(&good.replace(from, to)).unwrap().check().unwrap_err();
            assert!(told.contains(why), "{to}: {told}");
        }
    }

    #[test]
    fn lines_are_found_in_golden_cases_as_they_stand_in_json() {
        let golden = "# in: no\nin: hi \"you\"\nseed: 1\nout: x\n\nin: \nin: a\\b\n";
        assert_eq!(said_in(golden).collect::<Vec<_>>(), [r#"hi \"you\""#, r"a\\b"]);
        assert_eq!(said_in(&format!("in: {}\n", "a".repeat(LINE_BYTES_MAX + 1))).count(), 0);
    }

    #[test]
    fn rooms_without_a_name_get_those_that_are_left() {
        let text = "about = ''\nseconds = 1\nwriters = 1\n[[rooms]]\nrate = [[0, 1]]\n[[rooms]]\nslug = 'a'\nrate = [[0, 1]]\n";
        let mut scenario: Scenario = toml::from_str(text).unwrap();
        scenario.name_rooms(&["a".into(), "b".into()]).unwrap();
        let names: Vec<_> = scenario.rooms.iter().map(|room| room.slug.as_str()).collect();
        assert_eq!(names, ["b", "a"]);
        let mut scenario: Scenario = toml::from_str(text).unwrap();
        assert!(scenario.name_rooms(&["a".into()]).is_err());
    }
}
