# Homebrew, on Linux: from a tap of yours, with the release tarball (`make dist`) beside this file. Written from its manual: nobody
# has run it yet.
class Mbsand < Formula
  desc "Compare schedulers for LLM serving on simulated requests"
  homepage "https://example.org/mbsand"
  url "file://#{File.expand_path("mbsand-0.2.0.tar.gz", __dir__)}"
  license "MIT"

  depends_on "pkgconf" => :build
  depends_on "jansson"
  depends_on "libcsv"
  depends_on :linux # its walls around policies are those of that kernel
  depends_on "lua@5.4"
  depends_on "sqlite"
  depends_on "zlib"
  depends_on "zstd"

  def install
    flags = ["CC=#{ENV.cc}", "PREFIX=#{prefix}"]
    system "make", "binary", *flags
    system "make", "files", *flags
  end

  test do
    (testpath/"first.lua").write <<~LUA
      local First = { params = { batch_size = 8 } }
      function First:schedule(_, step) step:admit(self.sim.inbox, self.params.batch_size) end
      return First
    LUA
    output = shell_output("#{bin}/mbsand burst --seeds 1 --set workload.limit=100 -q --policy ./first.lua --format csv")
    assert_match "first", output
  end
end
