"""conveyor beside other libraries; nothing here is imported by itself."""
