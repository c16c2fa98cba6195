"""The pictures in docs/images: the pages as they are now, of the sample company."""
