"""What the course claims: collections, ablations, the gallery, the report, the benchmark."""
