//! What a refusal says to a program.

use tonic::Status;
use tonic_types::{ErrorInfo, StatusExt};

/// The `google.rpc.ErrorInfo` of a refusal, if it carries one.
pub fn error_info(status: &Status) -> Option<ErrorInfo> {
    status.get_details_error_info()
}

/// The reason of a refusal, in SCREAMING_CASE, if it carries one.
pub fn reason(status: &Status) -> Option<String> {
    error_info(status).map(|info| info.reason)
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn a_reason_is_read_only_where_one_was_given() {
        let details = ErrorDetails::with_error_info("NO_CONSENT", "consent", []);
        let refused = Status::with_error_details(Code::PermissionDenied, "refused", details);
        assert_eq!(reason(&refused).as_deref(), Some("NO_CONSENT"));
        assert_eq!(reason(&Status::unavailable("gone")), None);
    }
}
