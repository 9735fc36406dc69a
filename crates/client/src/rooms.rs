//! The REST calls with which admins make rooms and close them. Each gives the body of the success; all have the errors of
//! [`Rest::call`](crate::Rest::call) and [`Answer::json`](crate::Answer::json).

#![allow(clippy::missing_errors_doc)] // said once, above

use crate::{Call, Error, Rest};
use hyper::Method;
use protocol::{objects::Room, rest::NewRoomBody};

impl Rest {
    /// Makes a room.
    pub async fn create_room(&self, body: &NewRoomBody) -> Result<Room, Error> {
        self.with_body(Method::POST, "/rooms", body).await?.json()
    }

    /// Closes a room.
    pub async fn archive_room(&self, slug: &str) -> Result<(), Error> {
        self.call(Call::new(Method::DELETE, format!("/api/v1/rooms/{slug}"))).await?.success()
    }

    /// Opens it again.
    pub async fn restore_room(&self, slug: &str) -> Result<(), Error> {
        self.call(Call::new(Method::POST, format!("/api/v1/rooms/{slug}/restore"))).await?.success()
    }
}
