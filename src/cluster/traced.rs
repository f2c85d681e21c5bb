//! Trace of the requests to the API server, for `-v`.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response};
use tower::{Layer, Service};

use crate::trace::{self, Outcome, Traced};

/// Layer that shows each request once its response has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct TraceLayer;

/// Service that shows its requests.
#[derive(Clone, Debug)]
pub(super) struct TraceService<S>(S);

impl<S> Layer<S> for TraceLayer {
    type Service = TraceService<S>;

    fn layer(&self, inner: S) -> TraceService<S> {
        TraceService(inner)
    }
}

impl<S, B, R> Service<Request<B>> for TraceService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let traced = Traced::new(|| command(&request));
        let response = self.0.call(request);
        Box::pin(async move {
            let response = response.await;
            if let Some(traced) = traced {
                traced.show(response.as_ref().map(outcome).unwrap_or_default());
            }
            response
        })
    }
}

/// Writes a request that changes nothing as a curl command, and others by their method and URL.
fn command<B>(request: &Request<B>) -> String {
    let url = request.uri().to_string();
    if request.method() == Method::GET {
        trace::curl(&url, &[], false)
    } else {
        format!("{} {url}", request.method())
    }
}

/// Returns the status, and the bytes of the body if the server says how many come.
fn outcome<R>(response: &Response<R>) -> Outcome {
    let length = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    Outcome { status: Some(response.status().as_u16()), series: None, bytes: length }
}

#[cfg(test)]
mod tests {
    use super::{Method, Request, command};

    #[test]
    fn only_a_get_is_a_command_to_repeat() {
        let request =
            |method| Request::builder().method(method).uri("https://api:6443/a?b=c&d").body(()).unwrap();
        assert_eq!(command(&request(Method::GET)), "curl -s 'https://api:6443/a?b=c&d'");
        assert_eq!(command(&request(Method::PATCH)), "PATCH https://api:6443/a?b=c&d");
    }
}
