//! The body of a call, which can be sent again from its beginning: a service that stops turns away
//! what reaches it last, and says that it has not looked at it.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use hyper::body::{Body as HttpBody, Bytes, Frame};
use tonic::{Status, body::Body};

/// A body that can be sent any number of times, one after the other.
pub(crate) struct Again(Arc<Mutex<Kept>>);

struct Kept {
    body: Body,
    /// What came of it so far.
    sent: Vec<Bytes>,
}

/// One time that it is sent.
struct Sending {
    kept: Arc<Mutex<Kept>>,
    position: usize,
}

impl Again {
    pub(crate) fn new(body: Body) -> Again {
        let sent = Vec::new();
        Again(Arc::new(Mutex::new(Kept { body, sent })))
    }

    /// All of it, from the beginning.
    pub(crate) fn body(&self) -> Body {
        Body::new(Sending {
            kept: self.0.clone(),
            position: 0,
        })
    }
}

impl Sending {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let kept = self.kept.clone();
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.sent.get(self.position).cloned();
        let frame = match known {
            Some(bytes) => Some(Ok(Frame::data(bytes))),
            None => {
                let frame = ready!(Pin::new(&mut kept.body).poll_frame(cx));
                if let Some(Ok(frame)) = &frame {
                    kept.sent.extend(frame.data_ref().cloned());
                }
                frame
            }
        };
        self.position += 1;
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let kept = self.kept();
        self.position >= kept.sent.len() && kept.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, StreamBody};
    use tokio_stream::iter;

    use super::*;

    async fn read(body: Body) -> Vec<u8> {
        body.collect()
            .await
            .expect("it is whole")
            .to_bytes()
            .to_vec()
    }

    #[tokio::test]
    async fn what_was_sent_in_part_is_sent_again_whole() {
        let parts = ["one ", "two ", "three"].map(|it| Ok::<_, Status>(Frame::data(it.into())));
        let again = Again::new(Body::new(StreamBody::new(iter(parts))));
        let mut first = again.body();
        let part = first
            .frame()
            .await
            .expect("there is more")
            .expect("it is whole");
        assert_eq!(part.into_data().expect("it is data"), "one ");
        drop(first);
        for _ in 0..2 {
            assert_eq!(read(again.body()).await, b"one two three");
        }
    }
}
