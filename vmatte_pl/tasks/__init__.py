"""What is trained and how: LightningModules over plain networks."""
