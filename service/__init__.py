"""The room that answers: an index bundle comes in, HTTP answers go out.

`service.app.create_app` builds the application, `service.cli` starts it (`gradus serve`) and
`service.demo` walks the whole corridor once (`gradus demo`).
"""
