//! What cannot work is said in one line, as soon as it is known.

use asset_arbiter::store::open;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    engines::{
        dynamodb::{self, REGION, Server, TABLE},
        eventually,
        proxy::{Fault, Proxy},
    },
    ground::{refusal, servers},
    remote::{
        FOR_EVER,
        opening::{ends_with, ends_with_env, says},
        operator::{Operator, waits_for_a_name},
        store,
    },
};

fn without_create(server: &Server) -> String {
    server.url().replace("&create=true", "")
}

/// No credentials, neither in the environment nor in files nor from the machine.
fn nowhere() -> [(&'static str, &'static str); 6] {
    [
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_PROFILE", "default"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
}

#[tokio::test]
async fn a_missing_table_ends_the_process_with_the_command_that_makes_it() {
    for server in servers().await {
        ends_with(&without_create(&server), "there is no table assets for DynamoDB in eu-west-1").await;
        ends_with(
            &without_create(&server),
            "add create=true to the URL, or make it with: aws dynamodb create-table",
        )
        .await;
    }
}

/// What the message says is what create=true makes.
#[tokio::test]
async fn a_table_is_made_as_it_is_to_be() {
    for server in servers().await {
        let error = eventually("the table to be missed", async || {
            let store = open(&without_create(&server), FOR_EVER).unwrap();
            store.ping().await.err().filter(|error| error.is_hopeless())
        });
        let said = error.await.to_string();
        store(&server.url()).await.ping().await.unwrap();
        let table = server.ask("DescribeTable", json!({ "TableName": TABLE })).await["Table"].clone();
        let words = |keys: &Value| {
            let word = |key: &Value| {
                format!(
                    "AttributeName={},KeyType={}",
                    key["AttributeName"].as_str().unwrap(),
                    key["KeyType"].as_str().unwrap()
                )
            };
            keys.as_array().unwrap().iter().map(word).collect::<Vec<_>>()
        };
        let index = &table["LocalSecondaryIndexes"][0];
        for word in [words(&table["KeySchema"]), words(&index["KeySchema"])].concat() {
            assert!(said.contains(&word), "{word}: {said}");
        }
        assert_eq!(
            (&index["IndexName"], &index["Projection"]["NonKeyAttributes"]),
            (&json!("by_grant"), &json!(["at"]))
        );
        store(&without_create(&server)).await.ping().await.unwrap();
    }
}

#[tokio::test]
async fn a_table_of_somebody_else_is_left_alone() {
    let Some(engine) = dynamodb::dynoxide() else { return };
    let server = engine.start().await;
    let table = json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
    });
    server.ask("CreateTable", table).await;
    ends_with(&server.url(), "the table assets is made for something else (its keys are id,").await;
}

#[tokio::test]
async fn no_credentials_or_no_region_end_the_process() {
    let url = format!("dynamodb://{TABLE}");
    ends_with_env(&format!("{url}?region={REGION}"), &nowhere(), "there are no AWS credentials").await;
    ends_with_env(&url, &nowhere(), "no AWS region is set: add ?region=REGION to the URL").await;
    ends_with_env(&format!("{url}?region={REGION}"), &nowhere(), "set AWS_ACCESS_KEY_ID").await;
}

/// A machine that is none of AWS's may have no answer at all for who asks for its role.
#[tokio::test]
async fn a_machine_that_is_silent_about_its_role_has_no_credentials() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", mute.local_addr().unwrap());
    let mut env = nowhere().to_vec();
    env.retain(|(name, _)| *name != "AWS_EC2_METADATA_DISABLED");
    env.push(("AWS_EC2_METADATA_SERVICE_ENDPOINT", &address));
    ends_with_env(&format!("dynamodb://{TABLE}?region={REGION}"), &env, "there are no AWS credentials").await;
}

#[tokio::test]
async fn an_unknown_region_ends_the_process_and_an_unknown_name_is_waited_for() {
    let env = [("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "hunter2")];
    let url = format!("dynamodb://{TABLE}?region={REGION}&endpoint=http://no-such-host.invalid");
    waits_for_a_name(&url, &env).await;
    ends_with_env(&format!("dynamodb://{TABLE}?region=Ireland"), &env, "no region; one is eu-west-1").await;
}

#[tokio::test]
async fn what_aws_refuses_ends_the_process() {
    let Some(engine) = dynamodb::dynoxide() else { return };
    let server = engine.start().await;
    for (code, words) in [
        ("UnrecognizedClientException", "AWS does not take the credentials"),
        ("InvalidSignatureException", "check region and clock"),
        ("ExpiredTokenException", "renew them"),
        ("AccessDeniedException", "give the role the permissions"),
    ] {
        let proxy = Proxy::start(([127, 0, 0, 1], server.port).into()).await;
        (0..50).for_each(|_| proxy.next(".DescribeTable", Fault::Answer(refusal(400, code, json!({})))));
        ends_with(&dynamodb::url(&proxy.address.to_string()), words).await;
    }
}

#[tokio::test]
async fn a_table_that_is_deleted_is_reported() {
    for server in servers().await {
        let operator = Operator::of(&server.url()).await;
        server.ask("DeleteTable", json!({ "TableName": TABLE })).await;
        operator.sees("misconfigured", "ResourceNotFoundException").await;
        store(&server.url()).await;
        operator.is_ready().await;
    }
}

/// Who may read and not write is told so before anybody plays.
#[tokio::test]
async fn a_role_that_may_not_write_ends_the_process() {
    let Some(engine) = dynamodb::dynoxide() else { return };
    let server = engine.start().await;
    store(&server.url()).await;
    let proxy = Proxy::start(([127, 0, 0, 1], server.port).into()).await;
    let denied = refusal(400, "AccessDeniedException", json!({}));
    (0..50).for_each(|_| proxy.next(".PutItem", Fault::Answer(denied)));
    ends_with(&dynamodb::url(&proxy.address.to_string()), "give the role the permissions").await;
}

#[tokio::test]
async fn an_address_where_nothing_is_is_said() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let said = says(&dynamodb::url(&nobody.to_string()), "Connection refused").await;
    assert!(said.to_string().contains(&nobody.to_string()) && !said.is_hopeless(), "{said}");
}
