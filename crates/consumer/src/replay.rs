//! Replay of a partition's history for new definitions: state is built, effects are dropped.

use elate_domain::Partition;

use crate::Error;
use crate::engine::Engine;
use crate::processor::Processor;

impl<P: Processor> Engine<P> {
    /// Goes on with the replay of a partition.
    pub(crate) async fn replay(&mut self, partition: Partition) -> Result<(), Error> {
        if let Some(slot) = self.slots.get_mut(&partition) {
            let envelope = std::sync::Arc::make_mut(&mut slot.envelope);
            envelope.replay = None;
        }
        Ok(())
    }
}
