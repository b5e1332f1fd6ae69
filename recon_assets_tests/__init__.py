"""Tests of recon-assets, and the databases that they need."""
