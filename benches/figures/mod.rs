//! The results of the rooms benchmark: a line for each scene, and a comparison.

use std::{iter::zip, ops::Sub};

/// The results of one scene.
pub(crate) struct Figures {
    pub(crate) rooms: usize,
    pub(crate) resync: &'static str,
    /// Joins per second.
    pub(crate) joins: f64,
    pub(crate) decisions: f64,
    /// Bytes per connection.
    pub(crate) memory: f64,
    /// Connections to Redis.
    pub(crate) connections: usize,
    /// Usage per idle second.
    pub(crate) idle: Counts,
}

/// Totals up to some moment, or usage per second: processor time of the node and of Redis in hundredths of a second,
/// store calls, resync calls, messages published to the bus, Redis commands, and kilobytes to and from Redis.
#[derive(Clone, Copy)]
pub(crate) struct Counts(pub(crate) [f64; 7]);

impl Counts {
    const NODE: usize = 0;
    const REDIS: usize = 1;
    pub(crate) const COMPARISONS: usize = 3;
    const PUBLISHED: usize = 4;
    const BYTES: usize = 6;

    pub(crate) fn each(self, times: f64) -> Self {
        self.times(1.0 / times)
    }

    fn times(self, times: f64) -> Self {
        Self(self.0.map(|count| count * times))
    }

    /// The cost, if these are the counts of one operation.
    fn cost(self) -> String {
        let [node, redis, bytes] = [Self::NODE, Self::REDIS, Self::BYTES].map(|what| self.0[what]);
        format!("{:.0} us of the node, {:.0} us of Redis, {:.0} bytes", node * 1e4, redis * 1e4, bytes * 1e3)
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(mut self, before: Self) -> Self {
        zip(&mut self.0, before.0).for_each(|(count, before)| *count -= before);
        self
    }
}

pub(crate) fn heading() {
    println!(
        "{:>15}{:>10}{:>8}{:>10}{:>13}{:>44}",
        "", "joins", "selects", "KB of a", "connections", "idle, in a second"
    );
    println!(
        "{:>15}{:>10}{:>8}{:>10}{:>13}{:>9}{:>8}{:>9}{:>9}{:>9}{:>9}{:>8}",
        "rooms",
        "/s",
        "/s",
        "connection",
        "to Redis",
        "node %",
        "Redis %",
        "calls",
        "compare",
        "bus",
        "commands",
        "KB"
    );
}

impl Figures {
    pub(crate) fn print(&self) {
        let [node, redis, calls, comparisons, published, commands, bytes] = self.idle.0;
        println!(
            "{:>8}{:>7}{:>10.0}{:>8.0}{:>10.1}{:>13}{node:>9.1}{redis:>8.1}{calls:>9.0}{comparisons:>9.0}{published:>9.0}{commands:>9.0}{bytes:>8.0}",
            self.rooms,
            self.resync,
            self.joins,
            self.decisions,
            self.memory / 1e3,
            self.connections,
        );
    }
}

/// Prints the conclusions from comparing the scenes.
pub(crate) fn worksheet(players: usize, [many, seldom, some, one]: [&Figures; 4]) {
    let more = many.idle - seldom.idle;
    let comparison = more.each(more.0[Counts::COMPARISONS]);
    // The rest of the usage, without resyncs.
    let rest = seldom.idle - comparison.times(seldom.idle.0[Counts::COMPARISONS]);
    let heartbeat = rest.each(seldom.idle.0[Counts::PUBLISHED]);
    println!("\nFor the worksheet of deploy/capacity.md:");
    println!(
        "  an idle connection: {:.1} KB ({players} in one room), {:.1} KB (100 in each)",
        one.memory / 1e3,
        some.memory / 1e3
    );
    println!(
        "  a room with an asset that one player holds, beside the connection: {:.1} KB, {:.1} KB",
        (many.memory - one.memory) / 1e3,
        (seldom.memory - one.memory) / 1e3
    );
    // The better of two runs, because something else may have slowed either.
    let (opening, alone) = (many.joins.max(seldom.joins), many.decisions.max(seldom.decisions));
    println!("  joins a second: {:.0} into rooms that are there, {opening:.0} that open one each", one.joins);
    println!("  selects a second that come alone, a store call each: {alone:.0}");
    println!("  comparing a room with the store once: {}", comparison.cost());
    println!("  a heartbeat of a room, and whatever else goes on meanwhile: {}", heartbeat.cost());
}
