//! Serves one page, `/metrics`, to one client at a time; each scrape gets an answer made for it.
//!
//! HTTP is hyper's. There is one thread, as the worker processes that ask the machine want it, so connections are read
//! and written with plain blocking calls, each within a time limit: a client that says nothing holds up the next one for
//! `LIMIT` at most.

use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::{Method, Request, Response, StatusCode};
use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// How long a client may take to ask, and again to take the answer.
const LIMIT: Duration = Duration::from_secs(5);
/// Longest request head, in bytes; a scrape's is a few hundred.
const LIMIT_HEAD: usize = 16 << 10;

/// Answers scrapes until the listener fails.
///
/// # Errors
/// What the listener said.
pub fn serve(listener: &TcpListener, page: impl FnMut() -> Result<String, String>) -> io::Error {
    let page = RefCell::new(page);
    loop {
        match listener.accept() {
            Ok((stream, _)) => converse(stream, &page),
            Err(error) if lasting(&error) => return error,
            Err(_) => {}
        }
    }
}

/// Whether accepting will fail again; a client that gave up while it waited is no reason to stop.
fn lasting(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted | io::ErrorKind::WouldBlock
    )
}

/// One connection: one request, one answer.
fn converse(stream: TcpStream, page: &RefCell<impl FnMut() -> Result<String, String>>) {
    let connection = Connection { stream, deadline: RefCell::new(Instant::now() + LIMIT) };
    let answer = hyper::service::service_fn(|request: Request<Incoming>| {
        let response = respond(&request, page);
        // The page may have taken its time; taking it has a limit of its own.
        *connection.deadline.borrow_mut() = Instant::now() + LIMIT;
        async move { Ok::<_, Infallible>(response) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    // Half-closed is fine: else hyper would wait for the client's end before it answers.
    http.keep_alive(false).half_close(true).max_buf_size(LIMIT_HEAD);
    let mut served = pin!(http.serve_connection(Blocking(&connection), answer));
    let mut context = Context::from_waker(Waker::noop());
    // Nothing here waits but the calls on the stream, which end; hyper yields now and then.
    while served.as_mut().poll(&mut context).is_pending() && Instant::now() < *connection.deadline.borrow() {}
}

type Body = http_body_util::Full<Bytes>;

fn respond(
    request: &Request<Incoming>,
    page: &RefCell<impl FnMut() -> Result<String, String>>,
) -> Response<Body> {
    let text = "text/plain; charset=utf-8";
    if request.uri().path() != "/metrics" {
        return response(StatusCode::NOT_FOUND, text, "only /metrics is here\n".to_owned());
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refusal = response(StatusCode::METHOD_NOT_ALLOWED, text, "only GET is answered\n".to_owned());
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    match page.borrow_mut()() {
        Ok(page) => response(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", page),
        Err(why) => response(StatusCode::INTERNAL_SERVER_ERROR, text, why + "\n"),
    }
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// A connection, and until when its client may take part.
struct Connection {
    stream: TcpStream,
    deadline: RefCell<Instant>,
}

impl Connection {
    fn time_left(&self) -> io::Result<Duration> {
        let left = self.deadline.borrow().saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// The connection as hyper wants it; every call ends before it returns.
struct Blocking<'a>(&'a Connection);

impl Read for Blocking<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut to: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut piece = [0_u8; 4096];
        let room = piece.len().min(to.remaining());
        let read = || {
            self.0.stream.set_read_timeout(Some(self.0.time_left()?))?;
            io::Read::read(&mut &self.0.stream, piece.get_mut(..room).unwrap_or_default())
        };
        let length = { read }()?;
        to.put_slice(piece.get(..length).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl Write for Blocking<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.stream.set_write_timeout(Some(self.0.time_left()?))?;
        Poll::Ready(io::Write::write(&mut &self.0.stream, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.stream.shutdown(Shutdown::Write))
    }
}
