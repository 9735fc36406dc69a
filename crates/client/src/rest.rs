//! The REST calls. Start with [`Rest::call`], which sends anything; the typed calls are built on it.

use crate::{DEADLINE, Error, Refusal, connect};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    client::conn::http1::{self, SendRequest},
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use protocol::{
    ids::{MessageId, Seq},
    objects::{Message, Room, User},
    rest::{
        AuthAnswer, LoginBody, MessagesAnswer, PasswordBody, PreviewBody, PreviewsAnswer, Problem,
        ProfileBody, RefreshBody, RegisterBody, RoomsAnswer, SendBody, TextAnswer,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::sync::Mutex;

/// Calls over one connection that is kept alive, one after the other. Without a token it is anonymous.
#[derive(Debug)]
pub struct Rest {
    address: SocketAddr,
    source: Option<IpAddr>,
    token: Option<String>,
    deadline: Duration,
    connection: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

/// One call, of any form.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    /// A call without body; the path with its query, as it stands in the request line.
    #[must_use]
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// `GET`
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// `POST` of a JSON text, which need not be one.
    #[must_use]
    pub fn post(path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::new(Method::POST, path).header("content-type", "application/json").body(body)
    }

    /// Adds a header.
    ///
    /// # Panics
    /// If name or value cannot stand in a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("the caller names a header");
        self.headers.append(name, HeaderValue::from_str(value).expect("the caller gives a header's value"));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// All bytes.
    pub body: Bytes,
}

impl Answer {
    /// The body as text, what is not UTF-8 replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header as text; none if it is not there or no text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body of a success, or the refusal.
    ///
    /// # Errors
    /// `Refused`, or `Malformed` if it is neither.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.success()?;
        serde_json::from_slice(&self.body).map_err(|error| self.malformed(&error))
    }

    /// A success without regard to the body, or the refusal.
    ///
    /// # Errors
    /// `Refused`, or `Malformed` if it is neither.
    pub fn success(&self) -> Result<(), Error> {
        if self.status.is_success() { Ok(()) } else { Err(Error::Refused(Box::new(self.refusal()?))) }
    }

    /// The problem document.
    ///
    /// # Errors
    /// `Malformed` if it is none, or if it says another status than the answer has.
    pub fn refusal(&self) -> Result<Refusal, Error> {
        let problem: Problem = serde_json::from_slice(&self.body).map_err(|error| self.malformed(&error))?;
        let is_problem = self.header("content-type") == Some("application/problem+json");
        if !is_problem || problem.status != self.status.as_u16() {
            return Err(self.malformed(&"the header or the status is another than that of the problem"));
        }
        let Problem { kind: _, title: _, status, detail, code, errors, retry_after_ms } = problem;
        Ok(Refusal { code, detail, status: Some(status), nonce: None, room: None, retry_after_ms, errors })
    }

    fn malformed(&self, why: &dyn std::fmt::Display) -> Error {
        let text: String = self.text().chars().take(300).collect();
        Error::Malformed(format!("{why}: {} {text}", self.status))
    }
}

impl Rest {
    /// Anonymous calls to this server. Connects with the first call.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, source: None, token: None, deadline: DEADLINE, connection: Mutex::new(None) }
    }

    /// The same from this address of the machine.
    #[must_use]
    pub fn from_source(self, source: IpAddr) -> Self {
        Self { source: Some(source), connection: Mutex::new(None), ..self }
    }

    /// The same with another deadline for each call.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Calls of the bearer of this access token, over a connection of their own.
    #[must_use]
    pub fn bearer(&self, token: &str) -> Self {
        Self {
            address: self.address,
            source: self.source,
            token: Some(token.to_owned()),
            deadline: self.deadline,
            connection: Mutex::new(None),
        }
    }

    /// The access token, if there is one.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Sends a call as it is and gives back what comes, whatever it is. `Host` and `Authorization` are added unless
    /// the call has them.
    ///
    /// # Errors
    /// Those of the connection, and `TimedOut`.
    pub async fn call(&self, call: Call) -> Result<Answer, Error> {
        let waiting_for = format!("answer to {} {}", call.method, call.path);
        tokio::time::timeout(self.deadline, self.exchange(call))
            .await
            .unwrap_or_else(|_| Err(Error::TimedOut { waiting_for, seen: "nothing".to_owned() }))
    }

    async fn exchange(&self, call: Call) -> Result<Answer, Error> {
        let Call { method, path, mut headers, body } = call;
        if !headers.contains_key(HOST) {
            let host = HeaderValue::from_str(&self.address.to_string()).expect("an address is plain ASCII");
            headers.insert(HOST, host);
        }
        if let Some(token) = &self.token
            && !headers.contains_key(AUTHORIZATION)
        {
            let value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| Error::Malformed("the token cannot stand in a header".to_owned()))?;
            headers.insert(AUTHORIZATION, value);
        }
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(|_| Error::Malformed(format!("no path: {path}")))?;
        *request.headers_mut() = headers;

        let mut held = self.connection.lock().await;
        // A connection that the server has closed in the meantime is made anew; nothing was sent on it yet.
        let kept = match held.take() {
            Some(mut kept) => kept.ready().await.is_ok().then_some(kept),
            None => None,
        };
        let mut connection = match kept {
            Some(kept) => kept,
            None => self.open().await?,
        };
        let (head, mut incoming) = connection.send_request(request).await?.into_parts();
        let mut bytes = Vec::new();
        while let Some(frame) = incoming.frame().await {
            if let Ok(data) = frame?.into_data() {
                bytes.extend_from_slice(&data);
            }
        }
        *held = Some(connection);
        Ok(Answer { status: head.status, headers: head.headers, body: bytes.into() })
    }

    async fn open(&self) -> Result<SendRequest<Full<Bytes>>, Error> {
        let stream = connect(self.address, self.source, None).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends when the sender is dropped; its error reaches whoever waits for the answer.
        tokio::spawn(connection);
        Ok(sender)
    }

    /// `GET` of a path under `/api/v1`.
    ///
    /// # Errors
    /// Those of [`Self::call`] and [`Answer::json`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.call(Call::get(format!("/api/v1{path}"))).await?.json()
    }

    pub(crate) async fn with_body(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Answer, Error> {
        let body = serde_json::to_vec(body).map_err(|error| Error::Malformed(error.to_string()))?;
        let mut call = Call::new(method, format!("/api/v1{path}")).body(body);
        call.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.call(call).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        self.with_body(Method::POST, path, body).await?.json()
    }
}

/// The calls of the protocol. Each gives the body of the success; all have the errors of [`Rest::call`] and
/// [`Answer::json`].
#[allow(clippy::missing_errors_doc)] // said once, above
impl Rest {
    /// Makes an account.
    pub async fn register(&self, username: &str, password: &str) -> Result<AuthAnswer, Error> {
        let (username, password) = (username.to_owned(), password.to_owned());
        self.post("/auth/register", &RegisterBody { username, password, display_name: None }).await
    }

    /// Begins a session.
    pub async fn login(&self, username: &str, password: &str) -> Result<AuthAnswer, Error> {
        self.post("/auth/login", &LoginBody { username: username.to_owned(), password: password.to_owned() })
            .await
    }

    /// Exchanges a refresh token.
    pub async fn refresh(&self, refresh_token: &str) -> Result<AuthAnswer, Error> {
        let body = RefreshBody { refresh_token: refresh_token.to_owned(), next_refresh_token: None };
        self.post("/auth/refresh", &body).await
    }

    /// Ends a session.
    pub async fn logout(&self, refresh_token: &str) -> Result<(), Error> {
        let body = RefreshBody { refresh_token: refresh_token.to_owned(), next_refresh_token: None };
        self.with_body(Method::POST, "/auth/logout", &body).await?.success()
    }

    /// Who the token's bearer is.
    pub async fn me(&self) -> Result<User, Error> {
        self.get("/users/me").await
    }

    /// Changes the bearer's profile.
    pub async fn patch_me(&self, body: &ProfileBody) -> Result<User, Error> {
        self.with_body(Method::PATCH, "/users/me", body).await?.json()
    }

    /// Changes the bearer's password.
    pub async fn change_password(&self, current: &str, new: &str) -> Result<(), Error> {
        let body = PasswordBody { current_password: current.to_owned(), new_password: new.to_owned() };
        self.with_body(Method::POST, "/users/me/password", &body).await?.success()
    }

    /// All rooms.
    pub async fn rooms(&self) -> Result<Vec<Room>, Error> {
        self.get::<RoomsAnswer>("/rooms").await.map(|answer| answer.rooms)
    }

    /// One room.
    pub async fn room(&self, slug: &str) -> Result<Room, Error> {
        self.get(&format!("/rooms/{slug}")).await
    }

    /// A page of the history: the newest messages.
    pub async fn latest(&self, slug: &str, limit: u32) -> Result<MessagesAnswer, Error> {
        self.get(&format!("/rooms/{slug}/messages?limit={limit}")).await
    }

    /// A page of the history: the newest messages before a place.
    pub async fn before(&self, slug: &str, before: Seq, limit: u32) -> Result<MessagesAnswer, Error> {
        self.get(&format!("/rooms/{slug}/messages?limit={limit}&before={before}")).await
    }

    /// A page of the history: the oldest messages after a place.
    pub async fn after(&self, slug: &str, after: Seq, limit: u32) -> Result<MessagesAnswer, Error> {
        self.get(&format!("/rooms/{slug}/messages?limit={limit}&after={after}")).await
    }

    /// Says something.
    pub async fn send(&self, slug: &str, text: &str, nonce: Option<&str>) -> Result<Message, Error> {
        let body = SendBody { text: text.to_owned(), nonce: nonce.map(str::to_owned), reply_to: None };
        self.post(&format!("/rooms/{slug}/messages"), &body).await
    }

    /// Says something in answer to a message.
    pub async fn reply(&self, slug: &str, text: &str, to: MessageId) -> Result<Message, Error> {
        let body = SendBody { text: text.to_owned(), nonce: None, reply_to: Some(to) };
        self.post(&format!("/rooms/{slug}/messages"), &body).await
    }

    /// What the room would make of a text.
    pub async fn preview(&self, slug: &str, text: &str) -> Result<String, Error> {
        let body = PreviewBody { text: text.to_owned() };
        self.post::<TextAnswer>(&format!("/rooms/{slug}/preview"), &body).await.map(|answer| answer.text)
    }

    /// What each room would make of a text.
    pub async fn previews(&self, text: &str) -> Result<PreviewsAnswer, Error> {
        self.post("/preview", &PreviewBody { text: text.to_owned() }).await
    }

    /// What the author of a message typed.
    pub async fn original(&self, slug: &str, id: MessageId) -> Result<String, Error> {
        self.get::<TextAnswer>(&format!("/rooms/{slug}/messages/{id}/original"))
            .await
            .map(|answer| answer.text)
    }
}
