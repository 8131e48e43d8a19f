//! The server's loop: a request in, the scripted or honest answer out.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::body::AnswerBody;
use super::{Behaviour, Call, State, answer as documents, pool, signature};

/// Accepts until it is dropped.
pub(super) async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime is entered");
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let stream = stream.into_std().expect("a stream can leave the runtime");
        let connection = Arc::new(stream.try_clone().expect("a descriptor is left"));
        let stream = tokio::net::TcpStream::from_std(stream).expect("a runtime is entered");
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            {
                let mut state = state.lock().expect("no handler panicked");
                state.open_connections += 1;
                state.accepted_connections += 1;
            }
            let service = hyper::service::service_fn(|request| {
                let (state, connection) = (Arc::clone(&state), Arc::clone(&connection));
                async move { Ok::<_, Infallible>(answer(&state, request, &connection).await) }
            });
            let serving = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            // A client that gives up, or a scripted reset, ends it with an error.
            let _ = serving.await;
            state.lock().expect("no handler panicked").open_connections -= 1;
        });
    }
}

async fn answer(
    state: &Mutex<State>,
    request: Request<Incoming>,
    connection: &std::net::TcpStream,
) -> Response<AnswerBody> {
    let call = read(request).await;
    let (behaviour, request_id, date, id_header, is_served) = {
        let mut state = state.lock().expect("no handler panicked");
        state.calls.push(call.clone());
        state.requests += 1;
        let request_id = format!("f4ce575f-0000-4000-8000-{:012}", state.requests);
        let date = DateTime::from_secs(state.now())
            .fmt(Format::HttpDate)
            .expect("a date in range");
        let is_served = state.path.as_ref().is_none_or(|path| *path == call.path);
        let id_header = state.dialect.request_id_header();
        (state.next(&call), request_id, date, id_header, is_served)
    };
    if let Behaviour::Latency(latency) = behaviour {
        tokio::time::sleep(latency).await;
    }
    let (status, content_type, body) = match &behaviour {
        _ if !is_served => (404, "text/plain", AnswerBody::whole("404 page not found\n")),
        Behaviour::Hang => std::future::pending().await,
        behaviour => {
            let mut state = state.lock().expect("no handler panicked");
            respond(&mut state, behaviour, &call, &request_id, connection)
        }
    };
    let mut head = Response::builder()
        .status(status)
        .header("date", date)
        .header("content-type", content_type);
    if ["text/xml", "application/x-amz-json-1.1"].contains(&content_type) {
        head = head.header(id_header, request_id);
    }
    if let Behaviour::Redirect(target) = &behaviour {
        head = head.header("location", target);
    }
    head.body(body).expect("a valid head")
}

impl State {
    /// What this call gets: a session that is too long a refusal, else what the script has next.
    fn next(&mut self, call: &Call) -> Behaviour {
        let asked = call.form.get("DurationSeconds");
        let asked = asked.and_then(|text| text.parse::<u64>().ok());
        match &self.beyond {
            Some((most, refusal)) if asked.is_some_and(|asked| asked > *most) => refusal.clone(),
            _ => self
                .script
                .pop_front()
                .unwrap_or_else(|| self.default.clone()),
        }
    }
}

/// A success without what it should hold.
fn without_fields(call: &Call) -> String {
    if call.is_json() {
        return r#"{"Credentials":{}}"#.to_owned();
    }
    let (response, result) = (
        format!("{}Response", call.operation),
        format!("{}Result", call.operation),
    );
    format!("<{response}><{result}><Credentials/></{result}></{response}>")
}

/// Status, content type and body of an answer.
fn respond(
    state: &mut State,
    behaviour: &Behaviour,
    call: &Call,
    request_id: &str,
    connection: &std::net::TcpStream,
) -> (u16, &'static str, AnswerBody) {
    let content_type = if call.is_json() {
        "application/x-amz-json-1.1"
    } else {
        "text/xml"
    };
    let from_sts = |(status, text): (u16, String)| (status, content_type, AnswerBody::whole(text));
    let refused = |status, code: &str, message: &str| {
        let text = if call.is_json() {
            pool::error(code, message)
        } else {
            documents::error(status, code, message, request_id, state.dialect)
        };
        (status, text)
    };
    match behaviour {
        Behaviour::Ok | Behaviour::Latency(_) | Behaviour::Hang => {
            from_sts(state.judge(call, request_id, None))
        }
        Behaviour::AssumedRole(arn) => from_sts(state.judge(call, request_id, Some(arn))),
        Behaviour::Error {
            status,
            code,
            message,
        } => from_sts(refused(*status, code, message)),
        Behaviour::Throttle => from_sts(refused(400, "Throttling", "Rate exceeded")),
        Behaviour::SlowBody => {
            let whole = state.judge(call, request_id, None).1;
            (200, "text/xml", AnswerBody::drip(whole))
        }
        Behaviour::ResetMidBody => {
            let mut half = state.judge(call, request_id, None).1;
            half.truncate(half.len() / 2);
            let connection = connection.try_clone().expect("a descriptor is left");
            (200, "text/xml", AnswerBody::broken(half, connection))
        }
        Behaviour::Redirect(_) => (307, "text/html", AnswerBody::whole("")),
        Behaviour::Oversized => (200, "text/xml", AnswerBody::Flood),
        Behaviour::Html502 => {
            let page = "<html><head><title>502 Bad Gateway</title></head></html>";
            (502, "text/html", AnswerBody::whole(page))
        }
        Behaviour::Empty500 => (500, "text/plain", AnswerBody::whole("")),
        Behaviour::MissingFields => from_sts((200, without_fields(call))),
        Behaviour::Raw {
            status,
            content_type,
            body,
        } => (*status, *content_type, AnswerBody::whole(body.clone())),
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a test server lives in real time"
)]
async fn read(request: Request<Incoming>) -> Call {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let (authorization, security_token) = (header("authorization"), header("x-amz-security-token"));
    let (amz_date, path) = (header("x-amz-date"), request.uri().path().to_owned());
    let target = header("x-amz-target");
    let (method, headers) = (request.method().to_string(), request.headers().clone());
    let user_agent = [header("user-agent"), header("x-amz-user-agent")]
        .map(Option::unwrap_or_default)
        .join(" ");
    let bytes = request
        .into_body()
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let signed = signature::read(&method, &path, &headers, &bytes);
    let form = if target.is_some() {
        pool::form(&bytes)
    } else {
        query(&bytes)
    };
    let operation = match &target {
        Some(target) => target.rsplit('.').next().map(str::to_owned),
        None => form.get("Action").cloned(),
    };
    Call {
        operation: operation.unwrap_or_default(),
        form,
        body: String::from_utf8_lossy(&bytes).into_owned(),
        path,
        authorization,
        security_token,
        amz_date,
        user_agent,
        target,
        signed,
        at: Instant::now(),
    }
}

/// The pairs of a form.
fn query(bytes: &[u8]) -> BTreeMap<String, String> {
    let pairs = bytes
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            (
                decoded(halves.next().unwrap_or_default()),
                decoded(halves.next().unwrap_or_default()),
            )
        });
    pairs.collect()
}

/// Undoes form encoding.
fn decoded(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let escape = tail
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        match (
            first,
            escape.and_then(|pair| u8::from_str_radix(pair, 16).ok()),
        ) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
