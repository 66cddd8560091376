//! What the service refuses for a while: the call waits, tries again, and takes effect once; or says that nothing
//! happened.

use std::{
    slice::from_ref,
    time::{Duration, Instant},
};

use asset_arbiter::store::StoreErrorKind;
use serde_json::{Value, json};

use crate::{
    conformance::ground::{Node, already, asset, granted, players},
    engines::{dynamodb, proxy::Fault},
    ground::{WAYS, answer, behind_proxy, refusal},
    remote::network::Sides,
};

fn throttled() -> Fault {
    Fault::Answer(refusal(400, "ProvisionedThroughputExceededException", json!({})))
}

/// The transaction did not take place, for the reason that one of its items gives.
fn cancelled(code: &str) -> Fault {
    let reasons = json!([{ "Code": "None" }, { "Code": code, "Message": "in the words of the service" }]);
    Fault::Answer(refusal(400, "TransactionCanceledException", json!({ "CancellationReasons": reasons })))
}

#[tokio::test]
async fn what_is_refused_for_a_moment_is_done_once() {
    let Some(engine) = dynamodb::dynoxide() else { return };
    let server = engine.start().await;
    let failed = |code| Fault::Answer(refusal(500, code, json!({})));
    for (options, request, refusal) in [
        ("", ".GetItem", throttled()),
        ("", ".PutItem", throttled()),
        ("", ".PutItem", Fault::Answer(refusal(400, "ThrottlingException", json!({})))),
        ("", ".PutItem", Fault::Answer(refusal(400, "RequestLimitExceeded", json!({})))),
        ("", ".PutItem", Fault::Answer(refusal(400, "TransactionConflictException", json!({})))),
        ("", ".PutItem", failed("InternalServerError")),
        ("&inline=0", ".TransactWriteItems", throttled()),
        ("&inline=0", ".TransactWriteItems", cancelled("TransactionConflict")),
        ("&inline=0", ".TransactWriteItems", cancelled("ThrottlingError")),
        ("&inline=0", ".TransactWriteItems", cancelled("ProvisionedThroughputExceeded")),
        (
            "&inline=0",
            ".TransactWriteItems",
            Fault::Answer(refusal(400, "TransactionInProgressException", json!({}))),
        ),
        ("&inline=0", ".TransactWriteItems", failed("InternalServerError")),
    ] {
        let Sides { proxy, ground, truth, .. } = behind_proxy(&server, (options, request)).await;
        let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
        ground.create(node.next(), &sword, 2).await;
        for _ in 0..3 {
            proxy.next(request, refusal);
        }
        let selected = ground.select(node.next(), &sword, from_ref(&ann)).await;
        assert_eq!(selected.verdicts, [granted(1)], "{request} {refusal:?}");
        assert_eq!(
            (proxy.met(), truth.state(&sword).await),
            (3, selected.into_inner().state),
            "{request} {refusal:?}"
        );
    }
}

#[tokio::test]
async fn what_is_refused_for_too_long_did_not_happen() {
    let Some(engine) = dynamodb::dynoxide() else { return };
    let server = engine.start().await;
    let Sides { proxy, ground, truth, .. } = behind_proxy(&server, WAYS[0]).await;
    let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
    ground.create(node.next(), &sword, 2).await;
    for _ in 0..1000 {
        proxy.next(".PutItem", throttled());
    }
    // On a machine that has much to do even a refusal may be late, and then nobody knows: but not each time.
    let mut tries = 0;
    let error = loop {
        tries += 1;
        let since = Instant::now();
        let select = ground.store.select(node.next(), &ground.key(&sword), from_ref(&ann), None).await;
        assert!(since.elapsed() < Duration::from_millis(2500), "{:?}", since.elapsed());
        let error = select.unwrap_err();
        if error.kind() == StoreErrorKind::Unavailable {
            break error;
        }
        assert!(tries < 4, "it was told what happened, and says it does not know: {error}");
    };
    assert!(error.to_string().contains("ProvisionedThroughputExceeded") && !error.is_hopeless(), "{error}");
    let few = proxy.met() / tries;
    assert!((5..50).contains(&few), "{few} requests to a service that has too much to do");
    assert_eq!(truth.state(&sword).await.revision, 0);
}

/// `BatchGetItem` may leave out what it has no time for.
#[tokio::test]
async fn players_who_are_left_out_are_looked_up_again() {
    let Some(engine) = dynamodb::dynoxide() else { return };
    let server = engine.start().await;
    let Sides { proxy, ground, .. } = behind_proxy(&server, WAYS[1]).await;
    let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
    ground.create(node.next(), &sword, 2).await;
    ground.select(node.next(), &sword, from_ref(&ann)).await;
    let items = server.items().await;
    let key = |item: &Value| json!({ "pk": item["pk"], "sk": item["sk"] });
    let ann_s = items.iter().find(|item| item["sk"]["S"] == "ann").map(key).expect("an item of her own");
    let unprocessed = json!({ "assets": { "Keys": [ann_s], "ConsistentRead": true } });
    let nothing = answer(200, &json!({ "Responses": {}, "UnprocessedKeys": unprocessed }));
    (0..3).for_each(|_| proxy.next(".BatchGetItem", Fault::Answer(nothing)));
    let again = ground.select(Node::new().next(), &sword, from_ref(&ann)).await;
    assert_eq!((proxy.met(), &again.verdicts[..]), (3, &[already(1)][..]));
}
