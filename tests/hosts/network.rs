use std::{net::Ipv4Addr, process::Command};

use crate::engines::{cannot_have, location::Location, on_path};

/// Hosts on one Ethernet, each a network namespace of this machine; we are on it, too. Gone when dropped.
pub(crate) struct Network {
    /// Of our interface, and of the namespace with the bridge, where no firewall of this machine minds what passes. A host's name
    /// begins with it; an interface's has at most 15 letters.
    name: String,
    subnet: [u8; 3],
    hosts: u8,
}

/// One of its hosts.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) location: Location,
    namespace: String,
}

/// Where nobody is: what is sent there is lost without a word.
const NOBODY: &str = "02:00:00:00:00:01";

impl Network {
    /// `None` on a machine that does not let us, which is said.
    pub(crate) fn new() -> Option<Self> {
        let name = format!("aa{:05x}", fastrand::u32(..1 << 20));
        // Of 198.18.0.0/15, which RFC 2544 sets aside for measuring.
        let network = Self { subnet: [198, fastrand::u8(18..20), fastrand::u8(..)], name, hosts: 0 };
        let made = on_path("ip").ok_or("there is no program `ip`".to_owned());
        let made = made.and_then(|_| try_ip(&format!("netns add {}", network.name)));
        if let Err(why) = made {
            cannot_have("a network of its own", &format!("{why}; it takes root and iproute2"));
            return None;
        }
        let (name, address) = (&network.name, network.address(254));
        ip(&format!("-netns {name} link add bridge up type bridge"));
        ip(&format!("link add {name} type veth peer name us netns {name}"));
        ip(&format!("-netns {name} link set us master bridge up"));
        ip(&format!("address add {address}/24 dev {name}"));
        ip(&format!("link set {name} up"));
        Some(network)
    }

    /// Adds a host.
    pub(crate) fn host(&mut self) -> Host {
        self.hosts += 1;
        let (name, bridge) = (self.host_name(self.hosts), &self.name);
        let address = self.address(self.hosts);
        ip(&format!("netns add {name}"));
        ip(&format!("-netns {bridge} link add {name} type veth peer name eth0 netns {name}"));
        ip(&format!("-netns {bridge} link set {name} master bridge up"));
        ip(&format!("-netns {name} address add {address}/24 dev eth0"));
        ip(&format!("-netns {name} link set eth0 up"));
        ip(&format!("-netns {name} link set lo up"));
        Host { location: Location::in_namespace(&name, address.into()), namespace: name }
    }

    fn host_name(&self, number: u8) -> String {
        format!("{}-{number}", self.name)
    }

    fn address(&self, number: u8) -> Ipv4Addr {
        let [a, b, c] = self.subnet;
        Ipv4Addr::new(a, b, c, number)
    }
}

impl Host {
    /// From now on neither hears anything of the other.
    pub(crate) fn cut_from(&self, other: &Self) {
        self.loses(other);
        other.loses(self);
    }

    /// They hear each other again.
    pub(crate) fn rejoin(&self, other: &Self) {
        self.finds(other);
        other.finds(self);
    }

    fn loses(&self, other: &Self) {
        let (namespace, address) = (&self.namespace, other.location.address);
        ip(&format!("-netns {namespace} neighbour replace {address} lladdr {NOBODY} dev eth0 nud permanent"));
    }

    fn finds(&self, other: &Self) {
        ip(&format!("-netns {} neighbour delete {} dev eth0", self.namespace, other.location.address));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Interfaces go with the namespace they or their peers are in. What was not made to the end lacks parts.
        for number in 1..=self.hosts {
            let _ = try_ip(&format!("netns delete {}", self.host_name(number)));
        }
        let _ = try_ip(&format!("netns delete {}", self.name));
    }
}

fn ip(words: &str) {
    try_ip(words).unwrap_or_else(|why| panic!("{why}"));
}

fn try_ip(words: &str) -> Result<(), String> {
    let output = Command::new("ip").args(words.split(' ')).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {words}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
