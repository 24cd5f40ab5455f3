//! Serves one page, `/metrics`, which is rendered for each scrape.
//!
//! Uses hyper on a single-threaded runtime, because the worker processes are forked. A silent or slow client does not
//! delay others; the time and number of connections are limited.

use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, LocalSet};
use tokio::time::{Instant, sleep, sleep_until};

/// Time limit for a client to send its request, and again to receive the response.
const LIMIT: Duration = Duration::from_secs(5);
/// Longest request head, in bytes; a scrape's is a few hundred.
const LIMIT_HEAD: usize = 16 << 10;
/// Most connections at once; a new one replaces the oldest that has sent no request.
const LIMIT_CONNECTIONS: usize = 256;
/// Wait before accepting again if no file descriptor is free.
const PAUSE: Duration = Duration::from_millis(50);

/// Answers scrapes until the listener fails, and returns why: the listener's error, or that of starting the runtime.
pub fn serve(listener: TcpListener, page: impl FnMut() -> Result<String, String> + 'static) -> io::Error {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let served = runtime.and_then(|runtime| {
        LocalSet::new().block_on(&runtime, accept(listener, Rc::new(RefCell::new(page))))
    });
    served.err().unwrap_or_else(|| io::Error::other("it ended"))
}

type Page = Rc<RefCell<dyn FnMut() -> Result<String, String>>>;

async fn accept(listener: TcpListener, page: Page) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut clients = Clients::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                clients.make_room();
                let client = Client::default();
                let task =
                    tokio::task::spawn_local(serve_connection(stream, client.clone(), Rc::clone(&page)));
                clients.all.push_back((client, task.abort_handle()));
            }
            Err(error) if is_lasting(&error) => return Err(error),
            Err(error) => {
                // Too many open files or too little memory, here or on the host: free a connection and wait.
                if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) {
                    clients.drop_oldest();
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Whether accepting will always fail, because the descriptor is no longer a listening socket.
fn is_lasting(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EBADF | Errno::EINVAL | Errno::ENOTSOCK | Errno::EOPNOTSUPP))
}

/// A client's state, shared with the task of its connection.
#[derive(Clone)]
struct Client {
    /// The connection is closed at this time.
    deadline: Rc<Cell<Instant>>,
    has_requested: Rc<Cell<bool>>,
}

impl Default for Client {
    fn default() -> Self {
        Self { deadline: Rc::new(Cell::new(Instant::now() + LIMIT)), has_requested: Rc::default() }
    }
}

/// The open connections, oldest first.
struct Clients {
    all: VecDeque<(Client, AbortHandle)>,
    limit: usize,
}

impl Clients {
    /// Allows at most a quarter of the file descriptors for clients, because recording the host needs some too.
    fn new() -> Self {
        let descriptors = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
        let quarter = usize::try_from(descriptors / 4).unwrap_or(LIMIT_CONNECTIONS);
        Self { all: VecDeque::new(), limit: LIMIT_CONNECTIONS.min(quarter).max(1) }
    }

    fn make_room(&mut self) {
        self.all.retain(|(_, task)| !task.is_finished());
        while self.all.len() >= self.limit && self.drop_oldest() {}
    }

    /// Closes the oldest connection without a request, or else the oldest; false if there is none.
    fn drop_oldest(&mut self) -> bool {
        let idle = self.all.iter().position(|(client, _)| !client.has_requested.get());
        let oldest = self.all.remove(idle.unwrap_or(0));
        oldest.is_some_and(|(_, task)| {
            task.abort();
            true
        })
    }
}

/// Serves one request on a connection.
async fn serve_connection(stream: TcpStream, client: Client, page: Page) {
    let service = hyper::service::service_fn(|request: Request<Incoming>| {
        client.has_requested.set(true);
        let response = respond(&request, &page);
        // Rendering the page may have been slow; receiving it has a new time limit.
        client.deadline.set(Instant::now() + LIMIT);
        async move { Ok::<_, Infallible>(response) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    // A client may close its sending side before it reads the response.
    http.keep_alive(false).half_close(true).max_buf_size(LIMIT_HEAD);
    let mut served = pin!(http.serve_connection(TokioIo::new(stream), service));
    loop {
        tokio::select! {
            biased;
            _ = &mut served => return,
            () = sleep_until(client.deadline.get()) => {
                if Instant::now() >= client.deadline.get() {
                    return;
                }
            }
        }
    }
}

type Body = http_body_util::Full<Bytes>;

fn respond(request: &Request<Incoming>, page: &Page) -> Response<Body> {
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
