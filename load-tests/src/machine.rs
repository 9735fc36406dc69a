//! What the machine is, for whoever reads figures of it later.

use serde::Serialize;
use std::fs;

/// A machine and how busy it is.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub memory_bytes: u64,
    pub system: String,
    /// Of the last minute, before the run.
    pub load: String,
}

impl Machine {
    pub fn this() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let value = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_once(':').map_or(String::new(), |(_, value)| value.trim().to_owned())
        };
        let (cpuinfo, meminfo) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
        let kilobytes = value(&meminfo, "MemTotal").split(' ').next().and_then(|n| n.parse::<u64>().ok());
        Self {
            cpu: value(&cpuinfo, "model name"),
            cores: std::thread::available_parallelism().map_or(1, Into::into),
            memory_bytes: kilobytes.unwrap_or(0) * 1024,
            system: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
            load: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
        }
    }

    /// In one line.
    pub fn line(&self) -> String {
        let gib = self.memory_bytes / (1024 * 1024 * 1024);
        let Self { cpu, cores, system, load, .. } = self;
        format!(
            "{cores} cores of {cpu}, {gib} GiB, {system}, load {load} before the run; everything over loopback"
        )
    }
}
