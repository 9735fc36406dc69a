//! The web client, from inside the binary. Without it (built without Node) a plain page explains.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Client;

#[derive(RustEmbed)]
#[folder = "assets"]
struct Own;

/// The build puts a hash into the names of these, so they never change.
const HASHED: &str = "assets/";

/// Is the web client in this binary?
pub fn has_client() -> bool {
    Client::get("index.html").is_some()
}

/// A file of the web client, or its page for every other path: the page finds its own way.
pub async fn client(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if let Some(file) = Client::get(path).filter(|_| !path.is_empty()) {
        return serve(path, file, &headers);
    }
    // A missing file is missing; only pages are served for unknown paths.
    if path.rsplit('/').next().is_some_and(|name| name.contains('.')) {
        return super::not_found().await.into_response();
    }
    match Client::get("index.html") {
        Some(page) => serve("index.html", page, &headers),
        None => own("no-client.html", &headers).await,
    }
}

/// A file of the server's own: the API page and what goes with it.
pub async fn own(path: &'static str, headers: &HeaderMap) -> Response {
    match Own::get(path) {
        Some(file) => serve(path, file, headers),
        None => super::not_found().await.into_response(),
    }
}

fn serve(path: &str, file: EmbeddedFile, headers: &HeaderMap) -> Response {
    let hash = file.metadata.sha256_hash();
    let tag: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let caching = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    let fresh = known.is_some_and(|known| known.split(',').any(|t| t.trim().trim_start_matches("W/") == tag));
    let mut response =
        if fresh { StatusCode::NOT_MODIFIED.into_response() } else { file.data.into_response() };
    let out = response.headers_mut();
    let kind = HeaderValue::from_str(&with_charset(file.metadata.mimetype()));
    out.insert(header::CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        out.insert(header::ETAG, tag);
    }
    response
}

fn with_charset(kind: &str) -> String {
    if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind.to_owned() }
}
