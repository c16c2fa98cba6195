"""Coverage-guided fuzzing of what reads other people's bytes: events, and the emulator's filters, FetchXML, batches."""
