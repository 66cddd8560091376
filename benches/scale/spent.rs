//! What the processes of a scene use.

use std::{fs, ops::Sub};

use crate::usage::{self, machine, processor};

/// The processes by role.
pub(crate) struct Roles {
    pub(crate) nodes: Vec<u32>,
    pub(crate) players: Vec<u32>,
    pub(crate) redis: u32,
    pub(crate) nats: Option<u32>,
}

/// Processor time in microseconds, in user and system mode.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) nodes: [f64; 2],
    pub(crate) players: [f64; 2],
    pub(crate) redis: [f64; 2],
    pub(crate) nats: [f64; 2],
    /// Of the whole machine.
    machine: f64,
}

impl Roles {
    pub(crate) fn spent(&self) -> Spent {
        let of = |processes: &[u32]| {
            let each = living(processes).map(processor);
            each.fold([0.0; 2], |[user, system], more| [user + more[0], system + more[1]])
        };
        Spent {
            nodes: of(&self.nodes),
            players: of(&self.players),
            redis: of(&[self.redis]),
            nats: of(self.nats.as_slice()),
            machine: machine(),
        }
    }
}

impl Spent {
    /// All that other programs used, or another guest of the host.
    pub(crate) fn others(&self) -> f64 {
        let ours = [self.nodes, self.players, self.redis, self.nats].as_flattened().iter().sum::<f64>();
        (self.machine - ours).max(0.0)
    }

    /// The parts, divided.
    pub(crate) fn text(&self, by: f64, digits: usize) -> [(&'static str, String); 4] {
        let both = |[user, system]: [f64; 2]| format!("{:.digits$} + {:.digits$}", user / by, system / by);
        let sum = |[user, system]: [f64; 2]| format!("{:.digits$}", (user + system) / by);
        [
            ("of the nodes, user + system", both(self.nodes)),
            ("of the players, user + system", both(self.players)),
            ("of Redis, of NATS", format!("{}, {}", sum(self.redis), sum(self.nats))),
            ("of other programs meanwhile", format!("{:.digits$}", self.others() / by)),
        ]
    }
}

impl Sub for Spent {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        let less = |after: [f64; 2], before: [f64; 2]| [after[0] - before[0], after[1] - before[1]];
        Self {
            nodes: less(self.nodes, before.nodes),
            players: less(self.players, before.players),
            redis: less(self.redis, before.redis),
            nats: less(self.nats, before.nats),
            machine: self.machine - before.machine,
        }
    }
}

/// Those of the processes that run. The end of another one is noticed by what it no longer does.
fn living(processes: &[u32]) -> impl Iterator<Item = u32> {
    processes.iter().copied().filter(|process| {
        let status = fs::read_to_string(format!("/proc/{process}/status"));
        status.is_ok_and(|status| status.contains("VmRSS"))
    })
}

/// Resident memory of those that run, in bytes.
pub(crate) fn resident(processes: &[u32]) -> f64 {
    living(processes).map(usage::resident).sum()
}

/// A line of `/proc/meminfo` in bytes. `MemAvailable` is what the machine could still give to programs, `SUnreclaim`
/// what the kernel has for itself, which sockets are the most of here.
pub(crate) fn memory(line: &str) -> f64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap();
    let size = text.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':')).unwrap();
    size.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
}
