// Command scc-admission serves OpenShift's own SecurityContextConstraints admission plugin as a webhook.
// OpenShift compiles the plugin into its API server; upstream's API server, which the tests run, does not have it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/openshift/apiserver-library-go/pkg/securitycontextconstraints/sccadmission"
	securityclient "github.com/openshift/client-go/security/clientset/versioned"
	securityinformers "github.com/openshift/client-go/security/informers/externalversions"
	"gomodules.xyz/jsonpatch/v2"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install" // registers the conversions between v1 and internal pods
)

func main() {
	address := flag.String("listen-address", "127.0.0.1:8443", "address to serve HTTPS on")
	certificate := flag.String("tls-cert-file", "", "server certificate, PEM")
	key := flag.String("tls-private-key-file", "", "private key of the certificate, PEM")
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API server")
	flag.Parse()
	if err := run(*address, *certificate, *key, *kubeconfig); err != nil {
		log.Fatalf("scc-admission: %v", err)
	}
}

func run(address, certificate, key, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	plugin, synced, err := newPlugin(context.Background(), config)
	if err != nil {
		return fmt.Errorf("setting up the plugin: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		for _, isSynced := range synced {
			if !isSynced() {
				http.Error(w, "the informers have not synced yet", http.StatusServiceUnavailable)
				return
			}
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("/mutate", reviews(func(ctx context.Context, request *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, error) {
		return mutate(ctx, plugin, request)
	}))
	mux.HandleFunc("/validate", reviews(func(ctx context.Context, request *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, error) {
		return validate(ctx, plugin, request)
	}))
	server := http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServeTLS(certificate, key)
}

// admitter is what the plugin offers: Admit changes pods, Validate only judges them.
type admitter interface {
	admission.MutationInterface
	admission.ValidationInterface
}

// newPlugin gives the plugin what the API server would give it: constraints, namespaces and an authorizer.
// The second result says of each informer if it has synced.
func newPlugin(ctx context.Context, config *rest.Config) (admitter, []cache.InformerSynced, error) {
	// Each pod costs several reviews, and a thousand pods come at once: the client's default of 5 a second is too slow.
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, err
	}
	security, err := securityclient.NewForConfig(config)
	if err != nil {
		return nil, nil, err
	}
	// OpenShift's API server asks its own authorizer, which caches no verdicts: so no verdict is cached here either.
	authorizer, err := authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: client.AuthorizationV1(),
		WebhookRetryBackoff:       &wait.Backoff{Duration: 100 * time.Millisecond, Factor: 1.5, Steps: 5},
	}.New()
	if err != nil {
		return nil, nil, err
	}
	kube := informers.NewSharedInformerFactory(client, 0)
	constraints := securityinformers.NewSharedInformerFactory(security, 0)
	plugin := sccadmission.NewConstraint()
	plugin.SetAuthorizer(authorizer)
	plugin.SetExternalKubeInformerFactory(kube)
	plugin.SetSecurityInformers(constraints.Security().V1().SecurityContextConstraints())
	if err := plugin.ValidateInitialization(); err != nil {
		return nil, nil, err
	}
	kube.Start(ctx.Done())
	constraints.Start(ctx.Done())
	return plugin, []cache.InformerSynced{
		kube.Core().V1().Namespaces().Informer().HasSynced,
		constraints.Security().V1().SecurityContextConstraints().Informer().HasSynced,
	}, nil
}

// mutate calls the plugin's Admit and answers what it changed as a JSON patch.
func mutate(ctx context.Context, plugin admitter, request *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, error) {
	pod, attributes, err := decode(request)
	if err != nil {
		return nil, err
	}
	before, err := encode(pod)
	if err != nil {
		return nil, err
	}
	if err := plugin.Admit(ctx, attributes, objectInterfaces); err != nil {
		return refusal(err), nil
	}
	after, err := encode(pod)
	if err != nil {
		return nil, err
	}
	// Both texts went through the same conversion: fields that are newer than this program stay as they are.
	operations, err := jsonpatch.CreatePatch(before, after)
	if err != nil {
		return nil, fmt.Errorf("comparing the pods: %w", err)
	}
	response := &admissionv1.AdmissionResponse{Allowed: true}
	if len(operations) > 0 {
		patchType := admissionv1.PatchTypeJSONPatch
		response.PatchType = &patchType
		if response.Patch, err = json.Marshal(operations); err != nil {
			return nil, fmt.Errorf("writing the patch: %w", err)
		}
	}
	return response, nil
}

// validate calls the plugin's Validate.
func validate(ctx context.Context, plugin admitter, request *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, error) {
	_, attributes, err := decode(request)
	if err != nil {
		return nil, err
	}
	if err := plugin.Validate(ctx, attributes, objectInterfaces); err != nil {
		return refusal(err), nil
	}
	return &admissionv1.AdmissionResponse{Allowed: true}, nil
}

var objectInterfaces = admission.NewObjectInterfacesFromScheme(legacyscheme.Scheme)

// refusal keeps the plugin's whole status, so that the API server shows its message and its code.
func refusal(err error) *admissionv1.AdmissionResponse {
	result := metav1.Status{Status: metav1.StatusFailure, Message: err.Error(), Code: http.StatusForbidden}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		result = status.Status()
	}
	return &admissionv1.AdmissionResponse{Result: &result}
}

// decode turns a request into the pod and the attributes that the API server would hand to a plugin.
func decode(request *admissionv1.AdmissionRequest) (*core.Pod, admission.Attributes, error) {
	pod, err := internal(request.Object)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the pod: %w", err)
	}
	// A nil *core.Pod in the interface would pass for an old pod.
	var old runtime.Object
	if request.Operation == admissionv1.Update {
		if old, err = internal(request.OldObject); err != nil {
			return nil, nil, fmt.Errorf("reading the old pod: %w", err)
		}
	}
	kind := schema.GroupVersionKind(request.Kind)
	resource := schema.GroupVersionResource(request.Resource)
	dryRun := request.DryRun != nil && *request.DryRun
	// The plugin does not look at the request's options.
	return pod, admission.NewAttributesRecord(pod, old, kind, request.Namespace, request.Name, resource,
		request.SubResource, admission.Operation(request.Operation), nil, dryRun, userOf(request.UserInfo)), nil
}

func userOf(info authenticationv1.UserInfo) user.Info {
	extra := make(map[string][]string, len(info.Extra))
	for name, values := range info.Extra {
		extra[name] = values
	}
	return &user.DefaultInfo{Name: info.Username, UID: info.UID, Groups: info.Groups, Extra: extra}
}

// internal converts a pod of the API into the form that plugins work on.
func internal(raw runtime.RawExtension) (*core.Pod, error) {
	var external corev1.Pod
	if err := json.Unmarshal(raw.Raw, &external); err != nil {
		return nil, err
	}
	pod := &core.Pod{}
	return pod, legacyscheme.Scheme.Convert(&external, pod, nil)
}

// encode is the way back.
func encode(pod *core.Pod) ([]byte, error) {
	var external corev1.Pod
	if err := legacyscheme.Scheme.Convert(pod, &external, nil); err != nil {
		return nil, fmt.Errorf("converting the pod: %w", err)
	}
	return json.Marshal(external)
}

type reviewer func(context.Context, *admissionv1.AdmissionRequest) (*admissionv1.AdmissionResponse, error)

// reviews answers AdmissionReviews. What cannot be read is an HTTP error, on which the API server fails closed.
func reviews(review reviewer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Request == nil {
			http.Error(w, fmt.Sprintf("no AdmissionReview: %v", err), http.StatusBadRequest)
			return
		}
		response, err := review(r.Context(), body.Request)
		if err != nil {
			log.Printf("%s %s/%s: %v", body.Request.Operation, body.Request.Namespace, body.Request.Name, err)
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		response.UID = body.Request.UID
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(admissionv1.AdmissionReview{TypeMeta: body.TypeMeta, Response: response}); err != nil {
			log.Printf("answering the API server: %v", err)
		}
	}
}
