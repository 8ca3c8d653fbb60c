"""Tables made from other layouts: folders, COCO, recordings."""
