use std::time::Duration;

use aws_sdk_dynamodb::{
    Client as SdkClient,
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, LocalSecondaryIndex, Projection,
        ProjectionType, ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification,
        TimeToLiveStatus,
    },
};
use tokio::time::timeout;

use super::{
    error::{DynamoError, Kind, Tried},
    item::{AT, BY_GRANT, EXPIRES_AT, GRANTED, PK, SK},
    url::DynamoUrl,
};

/// Far more than the service needs to describe or create a table.
const PATIENCE: Duration = Duration::from_secs(3);

/// Checks the table, and creates it if the URL asks for that.
pub(super) async fn prepare(sdk: &SdkClient, url: &DynamoUrl) -> Tried<()> {
    let late = |_| Err(DynamoError::new(Kind::Away, format!("{} does not answer", location(sdk, url))));
    timeout(PATIENCE, looked_at(sdk, url)).await.unwrap_or_else(late)
}

async fn looked_at(sdk: &SdkClient, url: &DynamoUrl) -> Tried<()> {
    let described = sdk.describe_table().table_name(&url.table).send().await.map_err(DynamoError::from);
    let table = match described {
        Ok(described) => described.table.unwrap_or_else(|| TableDescription::builder().build()),
        Err(error) if error.kind == Kind::Missing && url.create => {
            make(sdk, url).await?;
            return Err(being_made(url));
        }
        Err(error) if error.kind == Kind::Missing => {
            return Err(DynamoError::new(Kind::Missing, missing(sdk, url)));
        }
        Err(error) => return Err(error.at(&location(sdk, url))),
    };
    fits(&table, url)?;
    match table.table_status() {
        Some(TableStatus::Active | TableStatus::Updating) => {}
        Some(TableStatus::Creating) => return Err(being_made(url)),
        other => {
            let status = other.map_or("unknown", TableStatus::as_str);
            return Err(DynamoError::new(Kind::Away, format!("the table {} is {status}", url.table)));
        }
    }
    expire(sdk, url).await
}

fn being_made(url: &DynamoUrl) -> DynamoError {
    DynamoError::new(Kind::Away, format!("the table {} is being made", url.table))
}

async fn make(sdk: &SdkClient, url: &DynamoUrl) -> Tried<()> {
    let request = sdk
        .create_table()
        .table_name(&url.table)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes()?))
        .set_key_schema(Some(keys(SK)?))
        .local_secondary_indexes(index()?);
    match request.send().await {
        Ok(_) => {
            tracing::info!(table = url.table, "the table is being made");
            Ok(())
        }
        // Another node has created it concurrently.
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception()) => {
            Ok(())
        }
        Err(error) => Err(DynamoError::from(error).at(&location(sdk, url))),
    }
}

fn attributes() -> Tried<Vec<AttributeDefinition>> {
    let names = [(PK, ScalarAttributeType::S), (SK, ScalarAttributeType::S), (GRANTED, ScalarAttributeType::N)];
    let one = |(name, kind)| AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build();
    Ok(names.into_iter().map(one).collect::<Result<_, _>>()?)
}

fn keys(second: &str) -> Tried<Vec<KeySchemaElement>> {
    let one = |(name, kind)| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    Ok([(PK, KeyType::Hash), (second, KeyType::Range)].into_iter().map(one).collect::<Result<_, _>>()?)
}

fn index() -> Tried<LocalSecondaryIndex> {
    let projection =
        Projection::builder().projection_type(ProjectionType::Include).non_key_attributes(AT).build();
    let index = LocalSecondaryIndex::builder().index_name(BY_GRANT).projection(projection);
    Ok(index.set_key_schema(Some(keys(GRANTED)?)).build()?)
}

/// Checks that an existing table has our schema.
fn fits(table: &TableDescription, url: &DynamoUrl) -> Tried<()> {
    let index = table.local_secondary_indexes().iter().find(|index| index.index_name() == Some(BY_GRANT));
    let index_fits = index.is_some_and(|index| {
        let projection = index.projection();
        let all = projection.and_then(Projection::projection_type) == Some(&ProjectionType::All);
        let shown = projection.is_some_and(|shown| shown.non_key_attributes().iter().any(|name| name == AT));
        are(index.key_schema(), [PK, GRANTED]) && (all || shown)
    });
    let is = |name: &str, kind: ScalarAttributeType| {
        let mut all = table.attribute_definitions().iter();
        all.any(|found| found.attribute_name() == name && *found.attribute_type() == kind)
    };
    let kinds_fit = is(PK, ScalarAttributeType::S) && is(SK, ScalarAttributeType::S);
    if are(table.key_schema(), [PK, SK]) && kinds_fit && index_fits && is(GRANTED, ScalarAttributeType::N) {
        return Ok(());
    }
    let found: Vec<_> = table.key_schema().iter().map(KeySchemaElement::attribute_name).collect();
    let why = format!(
        "the table {} is made for something else (its keys are {}, its local index {BY_GRANT} {}): name another one, or make one with: {}",
        url.table,
        found.join(" and "),
        if index.is_none() {
            "is missing"
        } else if index_fits {
            "fits"
        } else {
            "differs"
        },
        command(None, url),
    );
    Err(DynamoError::new(Kind::Hopeless, why))
}

fn are(keys: &[KeySchemaElement], names: [&str; 2]) -> bool {
    keys.iter().map(KeySchemaElement::attribute_name).eq(names)
}

/// Enables the service's expiry. A table that we may create gets it always; on other tables it is only checked.
async fn expire(sdk: &SdkClient, url: &DynamoUrl) -> Tried<()> {
    if !url.create && url.room_ttl.is_none_or(|ttl| ttl.is_zero()) {
        return Ok(());
    }
    let described = sdk.describe_time_to_live().table_name(&url.table).send().await;
    let found = described.map(|described| described.time_to_live_description);
    let on = matches!(&found, Ok(Some(found)) if found.attribute_name() == Some(EXPIRES_AT)
        && matches!(found.time_to_live_status(), Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)));
    if on {
        return Ok(());
    }
    if !url.create {
        tracing::warn!(
            table = url.table,
            "what expired counts as gone, but stays in the table: switch it on with aws dynamodb update-time-to-live \
             --table-name {} --time-to-live-specification Enabled=true,AttributeName={EXPIRES_AT}",
            url.table
        );
        return Ok(());
    }
    let wanted = TimeToLiveSpecification::builder().enabled(true).attribute_name(EXPIRES_AT).build()?;
    let request = sdk.update_time_to_live().table_name(&url.table).time_to_live_specification(wanted);
    match request.send().await.map_err(DynamoError::from) {
        Ok(_) => Ok(()),
        // Another node may have enabled it concurrently: check again.
        Err(error) if error.kind == Kind::Refused => Err(DynamoError { kind: Kind::Away, ..error }),
        Err(error) => Err(error.at(&location(sdk, url))),
    }
}

/// The location of the table, for operators.
fn location(sdk: &SdkClient, url: &DynamoUrl) -> String {
    let region = sdk.config().region().map_or("?", |region| region.as_ref());
    let endpoint = url.endpoint.as_ref().map(|endpoint| format!(" at {endpoint}"));
    format!("DynamoDB in {region}{}", endpoint.unwrap_or_default())
}

fn missing(sdk: &SdkClient, url: &DynamoUrl) -> String {
    format!(
        "there is no table {} for {}: check name and region, add create=true to the URL, or make it with: {}",
        url.table,
        location(sdk, url),
        command(sdk.config().region().map(|region| region.as_ref()), url),
    )
}

/// The command that creates the table.
fn command(region: Option<&str>, url: &DynamoUrl) -> String {
    let region = region.map(|region| format!(" --region {region}")).unwrap_or_default();
    let endpoint = url.endpoint.as_ref().map(|endpoint| format!(" --endpoint-url {endpoint}"));
    format!(
        "aws dynamodb create-table{region}{} --table-name {} --billing-mode PAY_PER_REQUEST --attribute-definitions \
         AttributeName={PK},AttributeType=S AttributeName={SK},AttributeType=S AttributeName={GRANTED},AttributeType=N \
         --key-schema AttributeName={PK},KeyType=HASH AttributeName={SK},KeyType=RANGE --local-secondary-indexes \
         'IndexName={BY_GRANT},KeySchema=[{{AttributeName={PK},KeyType=HASH}},{{AttributeName={GRANTED},KeyType=RANGE}}],\
         Projection={{ProjectionType=INCLUDE,NonKeyAttributes=[{AT}]}}'",
        endpoint.unwrap_or_default(),
        url.table,
    )
}
