//! The reasons that are common to all services. Each service declares its own beside its errors, with
//! [`crate::reasons!`].

crate::reasons! {
    /// One or more fields of the request are wrong; each is named with what would be right.
    INVALID_REQUEST: Invalid, "Correct the named fields. A repeat without a change fails again.";
    /// The request carries no credential.
    CREDENTIAL_MISSING: Unauthenticated, "Send `authorization: Bearer <key>`, or Basic with the key as the user.";
    /// The credential is unknown, expired or revoked.
    CREDENTIAL_UNKNOWN: Unauthenticated, "Use a key of `elate key create`. Keys are shown once, when they are made.";
    /// The credential's role does not allow this.
    ROLE_INSUFFICIENT: Forbidden, "Use a key with the role that the message names.";
    /// A service credential was used without saying for which workspace.
    WORKSPACE_MISSING: Invalid, "Send the workspace's id in the metadata `elate-workspace`.";
    /// The credential can't be checked just now.
    CREDENTIAL_CHECK_UNAVAILABLE: Unavailable, "Retry after the given delay; the key itself may be fine.";
    /// The key has used up its rate.
    RATE_LIMITED: Exhausted, "Retry after the given delay, and send larger batches less often.";
    /// The server has as many requests in flight as it takes.
    OVERLOADED: Exhausted, "Retry after the given delay. Nothing of the refused request was done.";
    /// The page token is not one of this list.
    PAGE_TOKEN_INVALID: Invalid, "Begin again without a token; a token belongs to the request that it came from.";
    /// Something went wrong on our side. The id in the message is in the log.
    INTERNAL: Internal, "Report the id. A retry may succeed.";
}
