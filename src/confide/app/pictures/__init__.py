"""Pictures of a training for its initiator: SVG in one HTML page without scripts, from our own templates."""
