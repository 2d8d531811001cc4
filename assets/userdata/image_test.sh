# The test of an image, by EC2 Image Builder, on a server made from it: it is silent
# until a release is started, and then answers its health path. The release is the
# smallest there is: whether a real one works is found out at each boot.
trap 'verdict $? TEST' EXIT

marked() { [[ $(</etc/app/image) == "$IMAGE" ]] || fail "the image is marked $(</etc/app/image), want $IMAGE"; }

silent() { ! curl -s -o /dev/null --max-time 5 http://127.0.0.1/ || fail 'something serves before there is a release'; }

release() {
  local release=/srv/app/releases/test
  put 0644 "$release/index.html" <<<'<!doctype html><title>test</title>'
  put 0644 "$release/server.js" <<<'require("node:http").createServer((_, answer) => answer.end("ok")).listen(process.env.PORT);'
  ln -sfn "$release" /srv/app/current
}

step 'look for the mark' marked
step 'listen for silence' silent
step 'write files' boot_files
step 'make a release' release
step 'start the service' serve
step 'wait for health' healthy
