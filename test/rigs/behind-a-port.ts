/** Python of a person's own program that listens on a port of a sandbox, its only argument: it tells what it was asked. */
export const BEHIND_A_PORT = `
import json, sys, tornado.ioloop, tornado.locks, tornado.web, tornado.websocket
class Echo(tornado.web.RequestHandler):
    def answer(self):
        if self.request.path == "/moved":
            return self.redirect("/there")
        if self.request.path == "/broken":
            raise tornado.web.HTTPError(500)
        if self.request.path == "/long":
            return self.write("x" * 300000)
        if self.request.method == "DELETE":
            tornado.ioloop.IOLoop.current().call_later(0.1, sys.exit)
        self.set_status(201 if self.request.method == "POST" else 200)
        self.set_header("X-From", "behind")
        request = self.request
        self.write(dict(method=request.method, uri=request.uri, body=request.body.decode(), headers=dict(request.headers)))
    get = post = delete = answer
class Huge(tornado.web.RequestHandler):
    async def get(self):
        self.set_header("Content-Length", 2 * 10**8)
        self.write("x" * 1000)
        await self.flush()
        await tornado.locks.Event().wait()
class Cut(tornado.web.RequestHandler):
    def get(self):
        self.detach().close()
class Socket(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message + " back")
tornado.web.Application([("/ws", Socket), ("/huge", Huge), ("/cut", Cut), ("/.*", Echo)]).listen(int(sys.argv[1]), "127.0.0.1")
print("up", flush=True)
tornado.ioloop.IOLoop.current().start()
`;
