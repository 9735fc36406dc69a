//! Which life each node is in: since when it gossips, which is another number each time it is started.
//!
//! A node that ends may lose what it took last (see the commit log of Cassandra), and its return may take less than a
//! request does, so that nobody is told of an error. Every node is asked by itself, since none knows of itself alone. Knows
//! no table of ours.

use super::client::Client;
use crate::StoreError;
use futures_util::future::join_all;
use scylla::{
    policies::load_balancing::{NodeIdentifier, SingleTargetLoadBalancingPolicy},
    statement::{Consistency, Statement},
};
use std::{collections::BTreeMap, time::Duration};

/// How long a node may take to say it. One that takes longer is asked again by and by.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// Most nodes that are asked.
const NODES_MAX: usize = 100;

pub(super) async fn lives(client: &Client) -> Result<BTreeMap<String, i64>, StoreError> {
    let state = client.session.get_cluster_state();
    let there = state.get_nodes_info().iter().filter(|node| node.is_connected());
    let nodes: Vec<NodeIdentifier> =
        there.take(NODES_MAX).map(|node| NodeIdentifier::HostId(node.host_id)).collect();
    let asked = nodes.into_iter().map(|node| life(client, node));
    let said: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
    if said.is_empty() {
        return Err(StoreError::Unavailable("no node says in which life it is".to_owned()));
    }
    Ok(said.into_iter().collect())
}

async fn life(client: &Client, node: NodeIdentifier) -> Option<(String, i64)> {
    let mut question =
        Statement::new("SELECT host_id, gossip_generation FROM system.local WHERE key = 'local'");
    question.set_load_balancing_policy(Some(SingleTargetLoadBalancingPolicy::new(node, None)));
    question.set_consistency(Consistency::One);
    question.set_request_timeout(Some(ANSWER_MAX));
    let answer = client.session.query_unpaged(question, ()).await.ok()?;
    let rows = answer.into_rows_result().ok()?;
    let (host, generation) = rows.single_row::<(uuid::Uuid, i32)>().ok()?;
    Some((host.to_string(), generation.into()))
}
