//! The effects of events on the host.

use super::Millis;
use super::faults::Event;
use super::model::{ChaosModel, Glitch};
use super::node::HostNode;
use crate::load_average::LoadAverages;

impl ChaosModel {
    /// Applies an event to the host. Events of the manager and of the operator change nothing here.
    pub(crate) fn apply(&mut self, event: &Event) {
        let until = |seconds: u32| self.now + i64::from(seconds) * 1000;
        match *event {
            Event::Die { node } => self.node(node).process = None,
            Event::Hang { node, seconds } => self.node(node).hung = until(seconds),
            Event::Stubborn { node, seconds } => self.node(node).stubborn = until(seconds),
            Event::Fail { node, steps } => self.node(node).failing = steps,
            Event::Slow { node, seconds } => self.node(node).slow = until(seconds),
            Event::Overlook { node, seconds } => self.node(node).overlooked = until(seconds),
            Event::Deny { node, seconds } => self.node(node).denied = until(seconds),
            Event::Stray { node, seconds } => self.node(node).external = until(seconds),
            Event::Lose { figure, seconds } => self.glitch(Glitch { figure, until: until(seconds), wrong: None }),
            Event::Lie { figure, permille, seconds } => {
                self.glitch(Glitch { figure, until: until(seconds), wrong: Some(permille) });
            }
            Event::Blind { seconds } => self.blind = until(seconds),
            Event::Unreachable { seconds } => self.unreachable = until(seconds),
            Event::Jump { seconds } => self.clock_error = seconds.saturating_mul(1000),
            Event::Sleep { seconds } => self.sleep(i64::from(seconds) * 1000),
            Event::Reboot { seconds, off } => self.reboot(i64::from(seconds) * 1000, off.saturating_mul(1000)),
            Event::LoseFolder { node } => self.node(node).lose_folder(),
            Event::MassDeath { first, every } => self.every(first, every, |node| node.process = None),
            Event::MassLoss { first, every, seconds } => {
                let until = until(seconds);
                self.every(first, every, |node| node.hidden = until);
            }
            Event::Unmount { volume, seconds } => {
                let until = until(seconds);
                let count = self.disks.len();
                self.disks[volume as usize % count].unmounted = until;
            }
            Event::Release { patch, works } => {
                self.binary = patch;
                self.broken.retain(|broken| *broken != patch);
                if !works {
                    self.broken.push(patch);
                }
            }
            Event::SelfUpgrade { node } => {
                let binary = self.binary;
                self.node(node).upgrade_itself(binary);
            }
            Event::Surge { permille, seconds } => self.surge = (i64::from(permille), until(seconds)),
            Event::Sabotage { node } => self.node(node).folder = None,
            Event::Remnant { node } => self.node(node).keeps_remnant = true,
            Event::Ask { .. }
            | Event::AskSome { .. }
            | Event::Move { .. }
            | Event::Update { .. }
            | Event::Cap { .. }
            | Event::Hold { .. }
            | Event::Crash { .. }
            | Event::JournalFails { .. } => {}
        }
    }

    fn glitch(&mut self, glitch: Glitch) {
        let now = self.now;
        self.glitches.retain(|known| known.until > now && known.figure != glitch.figure);
        self.glitches.push(glitch);
    }

    fn every(&mut self, first: u32, every: u32, mut apply: impl FnMut(&mut HostNode)) {
        self.nodes.iter_mut().skip(first as usize).step_by(every.max(1) as usize).for_each(&mut apply);
    }

    fn sleep(&mut self, millis: Millis) {
        self.now += millis;
    }

    fn reboot(&mut self, millis: Millis, off: Millis) {
        self.now += millis;
        self.booted = self.now;
        self.clock_error += off;
        self.boots += 1;
        self.load = LoadAverages::default();
        self.limit_cpu(None);
        for node in &mut self.nodes {
            node.process = None;
        }
    }
}
