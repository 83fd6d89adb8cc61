//! Hot: the execution stage: order states, the order store, commands.
