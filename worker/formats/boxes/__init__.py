"""Readers of pictures with boxes (COCO, YOLO, Pascal VOC): every box is a sample, with the part around it."""
