//! Processor time and memory of the processes that a driver has started, from `/proc`.

use std::collections::HashMap;
use std::fs;

/// Clock ticks a second in `/proc/…/stat`; the kernel's interface fixes it.
const TICKS: f64 = 100.0;

/// What all processes below this one have used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// User and system time, databases included, in seconds.
    pub cpu_seconds: f64,
    /// The greatest resident memory that processes of Elate had, summed over them, in MiB.
    pub peak_mebibytes: f64,
    /// The resident memory that processes of Elate have now, in MiB.
    pub mebibytes: f64,
}

struct Process {
    id: u32,
    parent: u32,
    ticks: u64,
}

impl Usage {
    /// Of all descendants of this process.
    pub fn now() -> Self {
        let processes: HashMap<u32, Process> = all().map(|process| (process.id, process)).collect();
        let own = std::process::id();
        let mut usage = Self::default();
        for process in processes.values().filter(|process| descends(process, own, &processes)) {
            usage.cpu_seconds += process.ticks as f64 / TICKS;
            if name(process.id).starts_with("elate") {
                usage.peak_mebibytes += status(process.id, "VmHWM:");
                usage.mebibytes += status(process.id, "VmRSS:");
            }
        }
        usage
    }
}

fn all() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").expect("this needs Linux").flatten();
    entries.filter_map(|entry| stat(entry.file_name().to_str()?.parse().ok()?))
}

/// A process that has ended in the meantime is none.
fn stat(id: u32) -> Option<Process> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name stands in parentheses and may contain spaces.
    let fields: Vec<&str> = text.get(text.rfind(')')? + 2..)?.split(' ').collect();
    // After the name: state, parent, …, and from the twelfth on user, system, and those of ended children.
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Process { id, parent: fields.get(1)?.parse().ok()?, ticks })
}

fn descends(process: &Process, ancestor: u32, processes: &HashMap<u32, Process>) -> bool {
    let mut at = process.parent;
    while at != ancestor {
        match processes.get(&at) {
            Some(parent) if parent.id != parent.parent => at = parent.parent,
            _ => return false,
        }
    }
    true
}

fn name(id: u32) -> String {
    fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default()
}

fn status(id: u32, field: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    let kibibytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<f64>().ok());
    kibibytes.unwrap_or_default() / 1024.0
}

#[cfg(test)]
mod tests {
    use super::{Usage, stat};

    #[test]
    fn a_busy_child_is_seen() {
        let before = Usage::now().cpu_seconds;
        let script = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; read wait";
        let mut child = std::process::Command::new("sh")
            .args(["-c", script])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while Usage::now().cpu_seconds <= before + 0.05 {
            assert!(std::time::Instant::now() < deadline, "the child's time is not seen");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(stat(u32::MAX).is_none());
    }
}
