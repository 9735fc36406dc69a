//! What handlers ask of a request: who sent it from where, and a body that is read strictly.

use super::{App, problem::Refusal};
use crate::{auth::Identity, clock};
use axum::{
    body::Bytes,
    extract::{self, ConnectInfo, FromRequest, FromRequestParts, Request},
    http::{HeaderMap, header, request::Parts},
};
use protocol::{codes::ErrorCode, limits::BODY_BYTES_MAX};
use serde::de::DeserializeOwned;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

/// The address that limits count: the peer's, or the one that the configured number of proxies in front vouch for.
#[derive(Clone, Copy, Debug)]
pub struct Address(pub IpAddr);

impl FromRequestParts<Arc<App>> for Address {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Ok(Self(client_address(peer, &parts.headers, app.options.trusted_proxies)))
    }
}

/// Counts from the right of `X-Forwarded-For`: only the entries that our own proxies wrote can be believed.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted_proxies: usize) -> IpAddr {
    if trusted_proxies == 0 {
        return peer;
    }
    let mut entries: Vec<&str> = Vec::new();
    for value in headers.get_all("x-forwarded-for") {
        entries.extend(value.to_str().unwrap_or("").split(',').map(str::trim));
    }
    let vouched = entries.len().checked_sub(trusted_proxies).and_then(|at| entries.get(at));
    vouched.and_then(|text| text.parse().ok()).unwrap_or(peer)
}

/// A registered user with a good access token.
pub struct User(pub Identity);

impl FromRequestParts<Arc<App>> for User {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let value = parts.headers.get(header::AUTHORIZATION).ok_or_else(Refusal::unauthorized)?;
        let (scheme, token) =
            value.to_str().ok().and_then(|v| v.split_once(' ')).ok_or_else(Refusal::unauthorized)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::unauthorized());
        }
        Ok(Self(app.gateway.accounts.authenticate(token.trim(), clock::now()).await?))
    }
}

/// The same, and an admin.
pub struct Admin(pub Identity);

impl FromRequestParts<Arc<App>> for Admin {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let User(identity) = User::from_request_parts(parts, app).await?;
        if identity.user.admin {
            Ok(Self(identity))
        } else {
            Err(Refusal::new(ErrorCode::Forbidden, "this is for admins"))
        }
    }
}

/// Does an admin ask? Whoever has no good token is somebody who reads, as without one.
pub struct AsAdmin(pub bool);

impl FromRequestParts<Arc<App>> for AsAdmin {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Self::Rejection> {
        if !parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(Self(false));
        }
        let user = User::from_request_parts(parts, app).await;
        Ok(Self(user.is_ok_and(|User(identity)| identity.user.admin)))
    }
}

/// A registered user, or nobody; a token that is not good is still an error.
pub struct MaybeUser(pub Option<Identity>);

impl FromRequestParts<Arc<App>> for MaybeUser {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        if !parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(Self(None));
        }
        User::from_request_parts(parts, app).await.map(|User(identity)| Self(Some(identity)))
    }
}

/// The variable parts of the path; what cannot be one of ours leads nowhere.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<App>> for Path<T> {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let path = extract::Path::from_request_parts(parts, app).await;
        path.map(|extract::Path(parts)| Self(parts))
            .map_err(|_| Refusal::new(ErrorCode::NotFound, "there is nothing at this path"))
    }
}

/// What stands behind the `?`.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Arc<App>> for Query<T> {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let query = extract::Query::from_request_parts(parts, app).await;
        query.map(|extract::Query(query)| Self(query)).map_err(|_| {
            Refusal::new(ErrorCode::BadRequest, "the query cannot be read; give each parameter once")
        })
    }
}

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Body<T> {
    type Rejection = Refusal;
    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Refusal> {
        let bytes = Bytes::from_request(request, app).await.map_err(|_| {
            Refusal::new(ErrorCode::PayloadTooLarge, format!("a body may have {BODY_BYTES_MAX} bytes"))
        })?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Refusal::new(ErrorCode::InvalidJson, "the body is not UTF-8"))?;
        serde_json::from_str(text).map(Self).map_err(|error| {
            let place = format!("line {} column {}", error.line(), error.column());
            if error.is_data() {
                // What serde says of data names the field and the type; it repeats at most one scalar of the input.
                let what: String = error.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
                Refusal::new(ErrorCode::BadRequest, what)
            } else {
                Refusal::new(ErrorCode::InvalidJson, format!("the body is not valid JSON ({place})"))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(forwarded: &[&str], proxies: usize) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        client_address(IpAddr::from([10, 0, 0, 9]), &headers, proxies).to_string()
    }

    #[test]
    fn a_forged_forwarded_for_is_not_believed() {
        assert_eq!(seen(&["1.2.3.4"], 0), "10.0.0.9");
        assert_eq!(seen(&["1.2.3.4, 5.6.7.8"], 1), "5.6.7.8");
        assert_eq!(seen(&["6.6.6.6", "1.2.3.4, 5.6.7.8"], 2), "1.2.3.4");
        assert_eq!(seen(&["5.6.7.8"], 2), "10.0.0.9");
        assert_eq!(seen(&["nonsense"], 1), "10.0.0.9");
        assert_eq!(seen(&[], 1), "10.0.0.9");
    }
}
