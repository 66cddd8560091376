//! Who selects what, and when.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::super::super::workload::{SHARE, Workload};
use super::Table;

/// Waiting for messages ends after that long, to look for what is missing.
const LOOK: Duration = Duration::from_millis(50);

pub(super) struct Turns {
    workload: Workload,
    rooms: u32,
    members: u32,
    /// Of a flood: groups of `SHARE` players, who select the same assets in the same order.
    groups: Vec<Group>,
    /// How many assets each player has selected.
    selected: Vec<u64>,
    /// Of a pace: when the next select is due, and whose it is.
    due: Instant,
    next: u32,
    ended: bool,
}

#[derive(Default)]
struct Group {
    /// Assets that not everybody has selected; the first is the group's `passed`th.
    assets: VecDeque<(u32, u32)>,
    passed: u64,
}

impl Turns {
    pub(super) fn new(workload: Workload, rooms: u32, members: u32) -> Self {
        Self {
            workload,
            rooms,
            members,
            groups: (0..rooms * members / SHARE).map(|_| Group::default()).collect(),
            selected: vec![0; (rooms * members) as usize],
            due: Instant::now(),
            next: 0,
            ended: false,
        }
    }

    /// How long to wait for messages. A pace does not sleep, because waking up would count as latency.
    pub(super) fn wait(&self) -> Duration {
        if matches!(self.workload, Workload::Paced { .. }) && !self.ended { Duration::ZERO } else { LOOK }
    }

    pub(super) fn begin(&mut self, table: &mut Table, now: Instant) -> Result<(), String> {
        self.due = now;
        if let Workload::Flood { in_flight } = self.workload {
            for player in 0..self.rooms * self.members {
                for _ in 0..in_flight {
                    self.select(table, player, now)?;
                }
            }
        }
        self.tick(table, now)
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// A player who has a reply selects again, in a flood.
    pub(super) fn replied(
        &mut self,
        table: &mut Table,
        room: u32,
        member: u32,
        now: Instant,
    ) -> Result<(), String> {
        match self.workload {
            Workload::Flood { .. } if !self.ended => self.select(table, room * self.members + member, now),
            _ => Ok(()),
        }
    }

    /// What is due without a reply.
    pub(super) fn tick(&mut self, table: &mut Table, now: Instant) -> Result<(), String> {
        if self.ended {
            return Ok(());
        }
        match self.workload {
            Workload::Rounds { takers, .. } if table.book.is_settled() => {
                let asset = table.book.open(0, now);
                (0..takers).for_each(|member| table.select(asset, 0, member, now));
                table.book.close(asset)
            }
            Workload::Paced { per_second } => {
                let pause = Duration::from_secs(1) / per_second;
                while self.due <= now {
                    // Players of different rooms take turns, so that an asset's selects are apart.
                    let (room, member) = (self.next % self.rooms, self.next / self.rooms);
                    self.select(table, room * self.members + member, self.due)?;
                    self.next = (self.next + 1) % (self.rooms * self.members);
                    self.due += pause;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The player selects the next asset of the group.
    fn select(&mut self, table: &mut Table, player: u32, since: Instant) -> Result<(), String> {
        let (room, member) = (player / self.members, player % self.members);
        let group = &mut self.groups[(player / SHARE) as usize];
        let selected = &mut self.selected[player as usize];
        let at = (*selected - group.passed) as usize;
        *selected += 1;
        if at == group.assets.len() {
            group.assets.push_back((table.book.open(room, since), 0));
        }
        let (asset, by) = &mut group.assets[at];
        *by += 1;
        let (asset, by) = (*asset, *by);
        table.select(asset, room, member, since);
        if by < SHARE {
            return Ok(());
        }
        // Everybody is past the first asset before anybody is past a later one that is full.
        while group.assets.front().is_some_and(|&(_, by)| by == SHARE) {
            group.assets.pop_front();
            group.passed += 1;
        }
        table.book.close(asset)
    }
}
