//! G18: packets between one gateway and the broker are lost, in one direction. It heals by itself.

use crate::support::{
    Cluster, accepted, alone, blocking, choices, has_tool, judge, run, tell, times, tool, until, user,
};
use client::{Error, Rest};
use protocol::codes::ErrorCode;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::{
    fs::File,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
    thread,
    time::{Duration, Instant},
};
use test_servers::{cassandra, kafka};
use testkit::{process::Server, trial, workload::Behaviour};

/// A network of its own for one gateway, with a line to ours. Taken away when dropped.
struct Network {
    name: String,
    /// Our end of the line.
    ours: Ipv4Addr,
    theirs: Ipv4Addr,
}

impl Network {
    fn make() -> Self {
        let id = std::process::id();
        let name = format!("twitchy{id}");
        // One of the 16,384 pairs of addresses of 198.18.0.0/16, which nobody routes: it is for tests of networks.
        let [_, _, high, low] = (id << 2 & 0xffff).to_be_bytes();
        let (ours, theirs) = (Ipv4Addr::new(198, 18, high, low | 1), Ipv4Addr::new(198, 18, high, low | 2));
        let network = Self { name, ours, theirs };
        let name = &*network.name;
        let (our_end, their_end) = (format!("tw{id}a"), format!("tw{id}b"));
        tool("ip", &["netns", "add", name]);
        tool("ip", &["link", "add", &our_end, "type", "veth", "peer", "name", &their_end, "netns", name]);
        tool("ip", &["addr", "add", &format!("{ours}/30"), "dev", &our_end]);
        tool("ip", &["link", "set", &our_end, "up"]);
        tool("ip", &["-n", name, "addr", "add", &format!("{theirs}/30"), "dev", &their_end]);
        tool("ip", &["-n", name, "link", "set", &their_end, "up"]);
        tool("ip", &["-n", name, "link", "set", "lo", "up"]);
        network
    }

    /// Loses all packets that this rule matches, where they come in or go out.
    fn lose(&self, hook: &str, rule: &str) {
        let nft = |words: &str| {
            tool(
                "ip",
                &[&["netns", "exec", &self.name, "nft"], &words.split(' ').collect::<Vec<_>>()[..]].concat(),
            );
        };
        nft("add table inet faults");
        nft(&format!("add chain inet faults {hook} {{ type filter hook {hook} priority 0; }}"));
        nft(&format!("add rule inet faults {hook} {rule} drop"));
    }

    fn heal(&self) {
        tool("ip", &["netns", "exec", &self.name, "nft", "flush", "ruleset"]);
    }

    /// Makes something that listens on our loopback reachable on theirs, at the same port. This line is not cut.
    fn lead_in(&self, address: SocketAddr) {
        let path = format!("/var/run/netns/{}", self.name);
        // A socket stays in the network in which it was made; the thread that went there ends there.
        let listening = thread::spawn(move || {
            let network = File::open(path)?;
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
            TcpListener::bind(address)
        });
        let listener: io::Result<TcpListener> = listening.join().expect("no panic there");
        let listener = listener.expect("the network is ours");
        thread::spawn(move || {
            for there in listener.incoming().map_while(Result::ok) {
                let Ok(here) = TcpStream::connect(address) else { continue };
                for (mut from, mut to) in
                    [(there.try_clone().unwrap(), here.try_clone().unwrap()), (here, there)]
                {
                    thread::spawn(move || {
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(std::net::Shutdown::Both);
                    });
                }
            }
        });
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = std::process::Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g18_a_one_way_partition_from_the_broker_heals_by_itself() {
    let _alone = alone();
    let name = "cluster_g18_partition";
    if !trial::is_root(name, "network namespaces")
        || !has_tool(name, "ip", "iproute2")
        || !has_tool(name, "nft", "nftables")
    {
        return;
    }
    let (seed, _) = choices(name);
    let network = Network::make();
    let broker = blocking(|| kafka::Broker::start_on(network.ours)).unwrap();
    let cluster = Cluster::with_broker(&broker);
    network.lead_in(blocking(cassandra::shared).address().parse().unwrap());
    let [here] = cluster.start(["gateway,persist"]);
    let mut options = cluster.options("gateway,persist");
    options.wrapper = ["ip", "netns", "exec", &network.name].map(Into::into).to_vec();
    options.listen = Some(IpAddr::V4(network.theirs));
    let there = blocking(|| Server::start(options)).unwrap_or_else(|error| panic!("{error}"));
    let rest = user(&here, "prober").await;
    let token = rest.token().unwrap().to_owned();
    let prober = Rest::new(there.address()).bearer(&token).with_deadline(Duration::from_secs(8));
    let port = broker.address().rsplit_once(':').unwrap().1;
    let gateways = [here, there];
    let run = run(&gateways, seed, |options| {
        // The prober writes there too.
        options.strangers = true;
        (options.rate, options.readers) =
            (100.0, vec![Behaviour::Steady, Behaviour::Reconnecting, Behaviour::Steady, Behaviour::Late]);
    })
    .await;
    let mut told = Vec::new();
    let directions = [
        ("the broker's packets", "input", format!("tcp sport {port}")),
        ("the gateway's packets", "output", format!("tcp dport {port}")),
    ];
    for (what, hook, rule) in directions {
        accepted(&run, 100).await;
        network.lose(hook, &rule);
        let since = Instant::now();
        let lasts = Duration::from_secs(times(12, 40));
        // Nobody there is told that something was accepted, and nobody is left without an answer.
        let mut refusals = 0;
        for count in 0.. {
            match prober.send("bestie", "is anybody there", Some(&format!("{hook}{count}"))).await {
                Ok(_) => assert!(since.elapsed() < Duration::from_secs(1), "{what}: accepted behind the cut"),
                Err(error) if error.code() == Some(ErrorCode::Unavailable) => refusals += 1,
                Err(Error::TimedOut { .. }) => panic!("{what}: no answer"),
                Err(_) => {}
            }
            if since.elapsed() > lasts {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(refusals > 0, "{what}: it was never told that nothing is accepted");
        // The chat goes on at the other gateway.
        accepted(&run, 50).await;
        network.heal();
        let healed = Instant::now();
        let mut count = 0;
        until(&format!("{what}: it accepts again"), async || {
            count += 1;
            prober.send("bestie", "back again", Some(&format!("{hook}_after{count}"))).await.ok()
        })
        .await;
        told.push(format!(
            "{what} lost for {:.0} s: {refusals} refusals, accepts again {:.1} s after",
            healed.duration_since(since).as_secs_f64(),
            healed.elapsed().as_secs_f64()
        ));
    }
    accepted(&run, 100).await;
    tell(&format!("{name}: {}", told.join("; ")));
    let counts = judge(name, "one-way partitions of one of two gateways", &run.finish().await);
    assert_eq!(counts.unknown, 0, "what was unknown is settled by asking again: {counts:?}");
    let rows = cluster.store_is_the_log().await;
    tell(&format!("{name}: {rows} rows in the store, those of the log"));
}
