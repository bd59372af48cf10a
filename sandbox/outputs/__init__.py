"""What is made of a trained agent: pictures, films, datasets, exported policies."""
