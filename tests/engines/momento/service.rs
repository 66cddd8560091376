use std::sync::Arc;

use futures::{StreamExt, future::pending, stream, stream::BoxStream};
use momento_protos::cache_client::*;
use tokio::time::sleep;
use tonic::{Code, Request, Response, Status, metadata::MetadataMap};

use super::{
    CACHE, State,
    cache::Cache,
    plan::{Fault, reason},
};

pub(super) struct Service(pub(super) Arc<State>);

type Answer<T> = Result<Response<T>, Status>;

/// A consistent read counts as so many.
const CONSISTENT: u64 = 6;

impl Service {
    /// Does a request as one step, or what its fate leaves of it. `counts` is how many operations it is.
    async fn serve<Q, A>(
        &self,
        kind: &'static str,
        request: Request<Q>,
        counts: impl Fn(&Q) -> usize,
        step: impl Fn(&mut Cache, &Q, bool) -> A + Send + Sync + 'static,
    ) -> Answer<A>
    where
        Q: Send + Sync + 'static,
        A: Send + 'static,
    {
        self.admit(request.metadata())?;
        let consistent = word(request.metadata(), "read-concern") == Some("consistent");
        let question = request.into_inner();
        self.count(kind, counts(&question) as u64 * if consistent { CONSISTENT } else { 1 });
        let state = Arc::clone(&self.0);
        let step = move || step(&mut state.cache.lock(), &question, consistent);
        let fault = self.0.faults.draw(|planned| planned == kind);
        match fault {
            None => Ok(step()),
            Some(Fault::Refused(code)) => Err(Status::with_metadata(code, "as planned", reason(code))),
            Some(Fault::BrokenBefore) => Err(Status::unavailable("broken off, as planned")),
            Some(Fault::BrokenAfter) => {
                step();
                Err(Status::unavailable("broken off, as planned"))
            }
            Some(Fault::SwallowedBefore) => pending().await,
            Some(Fault::SwallowedAfter) => {
                step();
                pending().await
            }
            Some(Fault::Late(time)) => {
                self.0.faults.later(time, async move { drop(step()) });
                pending().await
            }
            Some(Fault::Delayed(time)) => {
                sleep(time).await;
                Ok(step())
            }
            Some(Fault::Twice) => {
                let first = step();
                step();
                Ok(first)
            }
            Some(Fault::TwiceAnsweredLast) => {
                step();
                Ok(step())
            }
            Some(Fault::Again(time)) => {
                let first = step();
                self.0.faults.later(time, async move { drop(step()) });
                Ok(first)
            }
        }
        .map(Response::new)
    }

    /// Lets in who has the key and names a cache that is there.
    fn admit(&self, metadata: &MetadataMap) -> Result<(), Status> {
        if self.0.key.is_some_and(|key| word(metadata, "authorization") != Some(key)) {
            return Err(Status::unauthenticated("Invalid signature"));
        }
        if word(metadata, "cache") != Some(CACHE) {
            return Err(Status::new(Code::NotFound, "Cache not found"));
        }
        Ok(())
    }

    fn count(&self, kind: &'static str, operations: u64) {
        let meters = &mut *self.0.meters.lock();
        *meters.requests.entry(kind).or_default() += 1;
        meters.operations += operations;
    }
}

fn word<'a>(metadata: &'a MetadataMap, name: &str) -> Option<&'a str> {
    metadata.get(name)?.to_str().ok()
}

/// Two names of a set count as one operation.
fn pairs(names: &[Vec<u8>]) -> usize {
    names.len().div_ceil(2).max(1)
}

/// What the driver uses, and that it uses nothing else.
macro_rules! scs {
    ({ $($used:tt)* } $($name:ident($question:ident) -> $answer:ident,)*) => {
        #[tonic::async_trait]
        impl scs_server::Scs for Service {
            $($used)*

            $(async fn $name(&self, _: Request<$question>) -> Answer<$answer> {
                Err(Status::unimplemented(concat!("this is a fake without ", stringify!($name))))
            })*
        }
    };
}

scs! {
    {
        type GetBatchStream = BoxStream<'static, Result<GetResponse, Status>>;
        type SetBatchStream = BoxStream<'static, Result<SetResponse, Status>>;

        async fn get(&self, request: Request<GetRequest>) -> Answer<GetResponse> {
            self.serve("get", request, |_| 1, |cache, ask, consistent| cache.get(&ask.cache_key, consistent)).await
        }

        async fn get_batch(&self, request: Request<GetBatchRequest>) -> Answer<Self::GetBatchStream> {
            let get = |cache: &mut Cache, ask: &GetBatchRequest, consistent| {
                ask.items.iter().map(|item| Ok(cache.get(&item.cache_key, consistent))).collect::<Vec<_>>()
            };
            let items = self.serve("get_batch", request, |ask| ask.items.len(), get).await?;
            Ok(items.map(|items| stream::iter(items).boxed()))
        }

        async fn set_batch(&self, _: Request<SetBatchRequest>) -> Answer<Self::SetBatchStream> {
            Err(Status::unimplemented("this is a fake without set_batch"))
        }

        async fn set_if(&self, request: Request<SetIfRequest>) -> Answer<SetIfResponse> {
            self.serve("set_if", request, |_| 1, |cache, ask, _| cache.set_if(ask)).await
        }

        async fn set_union(&self, request: Request<SetUnionRequest>) -> Answer<SetUnionResponse> {
            let union = |cache: &mut Cache, ask: &SetUnionRequest, _| {
                cache.union(ask);
                SetUnionResponse {}
            };
            self.serve("set_union", request, |ask| pairs(&ask.elements), union).await
        }

        async fn set_difference(&self, request: Request<SetDifferenceRequest>) -> Answer<SetDifferenceResponse> {
            let difference = |cache: &mut Cache, ask: &SetDifferenceRequest, _| {
                cache.difference(ask);
                SetDifferenceResponse::default()
            };
            self.serve("set_difference", request, |_| 1, difference).await
        }

        async fn set_fetch(&self, request: Request<SetFetchRequest>) -> Answer<SetFetchResponse> {
            let fetch = |cache: &mut Cache, ask: &SetFetchRequest, consistent| cache.fetch(&ask.set_name, consistent);
            self.serve("set_fetch", request, |_| 1, fetch).await
        }
    }

    get_with_hash(GetWithHashRequest) -> GetWithHashResponse,
    set(SetRequest) -> SetResponse,
    set_if_hash(SetIfHashRequest) -> SetIfHashResponse,
    set_if_not_exists(SetIfNotExistsRequest) -> SetIfNotExistsResponse,
    delete(DeleteRequest) -> DeleteResponse,
    keys_exist(KeysExistRequest) -> KeysExistResponse,
    increment(IncrementRequest) -> IncrementResponse,
    update_ttl(UpdateTtlRequest) -> UpdateTtlResponse,
    item_get_ttl(ItemGetTtlRequest) -> ItemGetTtlResponse,
    item_get_type(ItemGetTypeRequest) -> ItemGetTypeResponse,
    dictionary_get(DictionaryGetRequest) -> DictionaryGetResponse,
    dictionary_fetch(DictionaryFetchRequest) -> DictionaryFetchResponse,
    dictionary_set(DictionarySetRequest) -> DictionarySetResponse,
    dictionary_increment(DictionaryIncrementRequest) -> DictionaryIncrementResponse,
    dictionary_delete(DictionaryDeleteRequest) -> DictionaryDeleteResponse,
    dictionary_length(DictionaryLengthRequest) -> DictionaryLengthResponse,
    set_sample(SetSampleRequest) -> SetSampleResponse,
    set_contains(SetContainsRequest) -> SetContainsResponse,
    set_length(SetLengthRequest) -> SetLengthResponse,
    set_pop(SetPopRequest) -> SetPopResponse,
    list_push_front(ListPushFrontRequest) -> ListPushFrontResponse,
    list_push_back(ListPushBackRequest) -> ListPushBackResponse,
    list_pop_front(ListPopFrontRequest) -> ListPopFrontResponse,
    list_pop_back(ListPopBackRequest) -> ListPopBackResponse,
    list_erase(ListEraseRequest) -> ListEraseResponse,
    list_remove(ListRemoveRequest) -> ListRemoveResponse,
    list_fetch(ListFetchRequest) -> ListFetchResponse,
    list_length(ListLengthRequest) -> ListLengthResponse,
    list_concatenate_front(ListConcatenateFrontRequest) -> ListConcatenateFrontResponse,
    list_concatenate_back(ListConcatenateBackRequest) -> ListConcatenateBackResponse,
    list_retain(ListRetainRequest) -> ListRetainResponse,
    sorted_set_put(SortedSetPutRequest) -> SortedSetPutResponse,
    sorted_set_fetch(SortedSetFetchRequest) -> SortedSetFetchResponse,
    sorted_set_get_score(SortedSetGetScoreRequest) -> SortedSetGetScoreResponse,
    sorted_set_remove(SortedSetRemoveRequest) -> SortedSetRemoveResponse,
    sorted_set_increment(SortedSetIncrementRequest) -> SortedSetIncrementResponse,
    sorted_set_get_rank(SortedSetGetRankRequest) -> SortedSetGetRankResponse,
    sorted_set_length(SortedSetLengthRequest) -> SortedSetLengthResponse,
    sorted_set_length_by_score(SortedSetLengthByScoreRequest) -> SortedSetLengthByScoreResponse,
    sorted_set_union_store(SortedSetUnionStoreRequest) -> SortedSetUnionStoreResponse,
}
