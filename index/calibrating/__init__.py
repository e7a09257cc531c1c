"""How a calibration is fitted: scored pairs and results in, links and tier cuts out.

`index.calibrate` calls this at the build of an index; nothing here runs while a query is answered.
"""
