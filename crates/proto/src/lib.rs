//! The contracts under `proto/` as Rust types, clients and servers, and the codec of log records.
//!
//! Generated types stay here, in `crates/rpc`, and in the `grpc/` folders of the services; everything else speaks
//! `elate-domain`. [`record`] turns a [`elate_domain::Event`] into the bytes that the log keeps, and back.

macro_rules! package {
    ($(#[$doc:meta])* $module:ident, $name:literal) => {
        $(#[$doc])*
        pub mod $module {
            /// Version 1.
            #[allow(clippy::all, clippy::clone_on_ref_ptr, missing_docs, unreachable_pub, rustdoc::all)]
            pub mod v1 {
                tonic::include_proto!($name);
            }
        }
    };
}

package!(
    /// Shared messages.
    common, "elate.common.v1"
);
package!(
    /// The events service.
    events, "elate.events.v1"
);
package!(
    /// The journeys service.
    journeys, "elate.journeys.v1"
);
package!(
    /// The scoring service.
    scoring, "elate.scoring.v1"
);
package!(
    /// The notifications service.
    notifications, "elate.notifications.v1"
);
package!(
    /// Simulation.
    simulation, "elate.simulation.v1"
);

pub mod record;

/// The encoded file descriptors of all contracts, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
