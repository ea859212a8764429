"""What the library is made of below its public modules; names here may change."""
