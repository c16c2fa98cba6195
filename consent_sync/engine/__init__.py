"""The one reconcile, and what feeds it: events, sweeps and resyncs. Decides first, does I/O after."""
